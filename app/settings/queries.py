"""Typed access to queries.sql."""

from collections.abc import Sequence
from typing import Any

from app.db.sql import Connection, load
from app.ids import PROJECT_ITSELF, ProjectId, UserId
from app.settings.types import StoredSetting, StoredValue

_sql = load(__file__)
_list_overlaid = _sql.rows("list_overlaid", StoredSetting)
_list_values = _sql.rows("list_values", StoredValue)
_put_setting = _sql.statement("put_setting")


async def list_overlaid(
    conn: Connection, project: ProjectId, user: UserId | None, key: str
) -> list[StoredSetting]:
    """The nil UUID of the project sorts before every user."""
    user_ids = [PROJECT_ITSELF, user] if user else [PROJECT_ITSELF]
    return await _list_overlaid.all(conn, project=project, user_ids=user_ids, key=key)


async def list_values(
    conn: Connection, project: ProjectId, users: Sequence[UserId], key: str, field: str
) -> list[StoredValue]:
    user_ids = [PROJECT_ITSELF, *users]
    return await _list_values.all(conn, project=project, user_ids=user_ids, key=key, field=field)


async def put_setting(
    conn: Connection, project: ProjectId, user_id: UserId, key: str, value: Any
) -> None:
    await _put_setting.run(conn, project=project, user_id=user_id, key=key, value=value)
