"""Typed access to queries.sql."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.sql import Connection, load
from app.ids import KeyId, ProjectId, UserId
from app.limits.types import Counter, Granted, Line, StoredWindow
from app.web.limits import Limits, Measure, Span

_sql = load(__file__)
_take = _sql.rows("take", Granted)
_begin_counters = _sql.statement("begin_counters")
_settle = _sql.statement("settle")
_list_windows = _sql.rows("list_windows", StoredWindow)
_get_key_limits = _sql.statement("get_key_limits")
_set_key_limits = _sql.statement("set_key_limits")
_get_user_limits = _sql.statement("get_user_limits")
_set_user_limits = _sql.statement("set_user_limits")


async def take(
    conn: Connection, project: ProjectId, lines: Sequence[Line], steps: Sequence[int]
) -> list[Granted]:
    """Of counters that there are."""
    return await _take.all(
        conn,
        project=project,
        mosts=[line.most for line in lines],
        needs=[line.need for line in lines],
        steps=steps,
        **_named(line.counter for line in lines),
    )


async def begin_counters(conn: Connection, project: ProjectId, counters: Sequence[Counter]) -> None:
    await _begin_counters.run(conn, project=project, **_named(counters))


async def settle(
    conn: Connection, project: ProjectId, changes: Mapping[tuple[Counter, datetime], int]
) -> None:
    await _settle.run(
        conn,
        project=project,
        began_ats=[began_at for _, began_at in changes],
        changes=list(changes.values()),
        **_named(counter for counter, _ in changes),
    )


async def list_windows(
    conn: Connection,
    project: ProjectId,
    *,
    user_id: UUID,
    key_id: UUID,
    of: Sequence[tuple[Measure, Span]],
) -> list[StoredWindow]:
    return await _list_windows.all(
        conn,
        project=project,
        user_id=user_id,
        key_id=key_id,
        measures=[measure for measure, _ in of],
        spans=[span for _, span in of],
    )


async def get_key_limits(conn: Connection, project: ProjectId, key: KeyId) -> Any:
    return await _get_key_limits.value(conn, project=project, key_id=key)


async def set_key_limits(
    conn: Connection, project: ProjectId, key: KeyId, limits: Limits | None
) -> None:
    await _set_key_limits.run(conn, project=project, key_id=key, limits=limits)


async def get_user_limits(conn: Connection, project: ProjectId, user: UserId) -> Any:
    return await _get_user_limits.value(conn, project=project, user_id=user)


async def set_user_limits(
    conn: Connection, project: ProjectId, user: UserId, limits: Limits | None
) -> None:
    await _set_user_limits.run(conn, project=project, user_id=user, limits=limits)


def _named(counters: Any) -> dict[str, list[Any]]:
    rows = list(counters)
    return {
        "user_ids": [counter.user_id for counter in rows],
        "key_ids": [counter.key_id for counter in rows],
        "measures": [counter.measure for counter in rows],
        "spans": [counter.span for counter in rows],
    }
