"""Typed access to queries.sql."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.db.sql import Connection, load
from app.ids import PROJECT_ITSELF, ProjectId, UserId
from app.settings.types import (
    StoredChange,
    StoredDocument,
    StoredSetting,
    StoredValue,
    StoredVersion,
)

_sql = load(__file__)
_list_overlaid = _sql.rows("list_overlaid", StoredDocument)
_list_values = _sql.rows("list_values", StoredValue)
_begin_change = _sql.statement("begin_change")
_find_version = _sql.rows("find_version", StoredVersion)
_put_setting = _sql.statement("put_setting")
_delete_setting = _sql.statement("delete_setting")
_keep_change = _sql.rows("keep_change", StoredVersion)
_drop_versions = _sql.statement("drop_versions")
_drop_deleted = _sql.statement("drop_deleted")
_count_settings = _sql.statement("count_settings")
_find_settings = _sql.rows("find_settings", StoredSetting)
_settings_upwards = _sql.rows("list_settings_upwards", StoredSetting)
_settings_downwards = _sql.rows("list_settings_downwards", StoredSetting)
_versions_upwards = _sql.rows("list_versions_upwards", StoredChange)
_versions_downwards = _sql.rows("list_versions_downwards", StoredChange)
_changes_of_user = _sql.rows("list_changes_of_user", StoredChange)
_changes_of_everyone = _sql.rows("list_changes_of_everyone", StoredChange)
_list_origins = _sql.statement("list_origins")


class Place(msgspec.Struct, frozen=True):
    """A setting: of a user, or of the project itself."""

    project: ProjectId
    user_id: UserId
    key: str


async def list_overlaid(
    conn: Connection, project: ProjectId, user: UserId | None, key: str
) -> list[StoredDocument]:
    """The nil UUID of the project sorts before every user."""
    user_ids = [PROJECT_ITSELF, user] if user else [PROJECT_ITSELF]
    return await _list_overlaid.all(conn, project=project, user_ids=user_ids, key=key)


async def list_values(
    conn: Connection, project: ProjectId, users: Sequence[UserId], key: str, field: str
) -> list[StoredValue]:
    user_ids = [PROJECT_ITSELF, *users]
    return await _list_values.all(conn, project=project, user_ids=user_ids, key=key, field=field)


async def begin_change(conn: Connection, project: ProjectId) -> int:
    """Its number."""
    return int(await _begin_change.value(conn, project=project))


async def find_version(conn: Connection, place: Place) -> StoredVersion | None:
    return await _find_version.one(conn, **msgspec.structs.asdict(place))


async def keep_change(
    conn: Connection,
    place: Place,
    *,
    change: int,
    version: int,
    value: bytes | None,
    changed_by: UUID | None,
) -> StoredVersion:
    """Puts the document, or deletes it where the value is None, and keeps the version."""
    where = msgspec.structs.asdict(place)
    raw = None if value is None else msgspec.Raw(value)
    if raw is None:
        await _delete_setting.run(conn, **where)
    else:
        await _put_setting.run(conn, **where, value=raw, version=version)
    kept = await _keep_change.one(
        conn, **where, change=change, version=version, value=raw, changed_by=changed_by
    )
    assert kept is not None
    return kept


async def drop_versions(conn: Connection, place: Place, up_to: int) -> None:
    await _drop_versions.run(conn, **msgspec.structs.asdict(place), version=up_to)


async def drop_deleted(conn: Connection, place: Place, most: int) -> None:
    """So many that were deleted keep their versions."""
    await _drop_deleted.run(conn, project=place.project, user_id=place.user_id, most=most)


async def count_settings(conn: Connection, project: ProjectId, user: UserId, most: int) -> int:
    return int(await _count_settings.value(conn, project=project, user_id=user, most=most))


async def find_settings(
    conn: Connection, project: ProjectId, user_ids: Sequence[UserId], key: str
) -> list[StoredSetting]:
    """The project's comes first."""
    return await _find_settings.all(conn, project=project, user_ids=user_ids, key=key)


async def list_settings(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    *,
    cursor: str | None,
    descending: bool,
    most: int,
) -> list[StoredSetting]:
    listing = _settings_downwards if descending else _settings_upwards
    return await listing.all(conn, project=project, user_id=user, cursor=cursor, most=most)


async def list_versions(
    conn: Connection, place: Place, *, cursor: int | None, descending: bool, most: int
) -> list[StoredChange]:
    listing = _versions_downwards if descending else _versions_upwards
    return await listing.all(conn, **msgspec.structs.asdict(place), cursor=cursor, most=most)


async def list_changes(
    conn: Connection, project: ProjectId, user: UserId | None, *, after: int, most: int
) -> list[StoredChange]:
    """Of one user, or of everyone where there is None."""
    if user is None:
        return await _changes_of_everyone.all(conn, project=project, after=after, most=most)
    return await _changes_of_user.all(conn, project=project, user_id=user, after=after, most=most)


async def list_origins(conn: Connection) -> list[str]:
    return await _list_origins.values(conn)
