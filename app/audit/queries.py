"""Typed access to queries.sql."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from app.audit.types import Actor, Event, StoredEvent, Subject
from app.db.sql import Connection, load
from app.ids import ProjectId
from app.web.pages import FIRST_ID, LAST_ID

_sql = load(__file__)
_insert_event = _sql.statement("insert_event")
_count_failure = _sql.statement("count_failure")
_list_newest_first = _sql.rows("list_events_newest_first", StoredEvent)
_list_oldest_first = _sql.rows("list_events_oldest_first", StoredEvent)
_drop_old_events = _sql.statement("drop_old_events")


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None is any. The ids bound the time, each left out itself."""

    above: UUID = FIRST_ID
    below: UUID = LAST_ID
    event: Event | None = None
    actor_id: UUID | None = None
    subject_id: UUID | None = None


async def insert_event(
    conn: Connection,
    project: ProjectId,
    *,
    event_id: UUID,
    event: Event,
    actor: Actor,
    subject: Subject | None,
    address: str | None,
    detail: Mapping[str, Any],
) -> None:
    await _insert_event.run(
        conn,
        project=project,
        event_id=event_id,
        event=event,
        actor_type=actor.type,
        actor_id=actor.id,
        address=address,
        detail=detail,
        **_columns(subject),
    )


async def count_failure(
    conn: Connection,
    project: ProjectId,
    *,
    event_id: UUID,
    event: Event,
    subject: Subject | None,
    address: str | None,
    times: int,
) -> None:
    await _count_failure.run(
        conn,
        project=project,
        event_id=event_id,
        event=event,
        address=address,
        times=times,
        **_columns(subject),
    )


async def list_events(
    conn: Connection, project: ProjectId, only: EventFilter, *, descending: bool, most: int
) -> list[StoredEvent]:
    query = _list_newest_first if descending else _list_oldest_first
    return await query.all(conn, project=project, most=most, **msgspec.structs.asdict(only))


async def drop_old_events(conn: Connection, days: int, most: int) -> int:
    return int(await _drop_old_events.value(conn, days=days, most=most))


def _columns(subject: Subject | None) -> dict[str, Any]:
    return {
        "subject_type": subject.type if subject else None,
        "subject_id": subject.id if subject else None,
    }
