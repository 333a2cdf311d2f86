"""Reading the record: pages of it, narrowed."""

from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec

from app.audit import queries
from app.audit.queries import EventFilter
from app.audit.types import PREFIXES, AuditEvent, Event, Named, StoredEvent
from app.db.database import Database
from app.errors import InvalidRequest
from app.identity.users import Users
from app.ids import ProjectId, UserId, id_at, id_text, parse_id
from app.web.pages import Page, PageQuery, page
from app.web.times import parse_time


async def list_events(
    database: Database,
    users: Users,
    project: ProjectId,
    query: Mapping[str, str],
    paging: PageQuery,
) -> Page:
    """Raises InvalidRequest."""
    only = _turned(_filter(query), paging)
    async with database.tenant(project) as conn:
        found = await queries.list_events(
            conn, project, only, descending=paging.descending, most=paging.limit + 1
        )
        names = await users.names(conn, project, set(_users_in(found)))
    return page([_shown(event, names) for event in found], paging)


def _filter(query: Mapping[str, str]) -> EventFilter:
    bounds: dict[str, UUID] = {}
    if "since" in query:
        first = id_at(parse_time(query["since"], "since"))
        bounds["above"] = UUID(int=max(0, first.int - 1))
    if "until" in query:
        bounds["below"] = id_at(parse_time(query["until"], "until"))
    return EventFilter(
        **bounds,
        event=_event(query.get("event")),
        actor_id=_id(query.get("actor"), "actor"),
        subject_id=_id(query.get("subject"), "subject"),
    )


def _turned(only: EventFilter, paging: PageQuery) -> EventFilter:
    """Up to the page's cursor, or from it on."""
    above, below = paging.id_bounds("audit")
    return msgspec.structs.replace(only, above=max(only.above, above), below=min(only.below, below))


def _event(text: str | None) -> Event | None:
    if text is None:
        return None
    try:
        return Event(text)
    except ValueError:
        known = ", ".join(Event)
        raise InvalidRequest(f"'event' must be one of: {known}.", param="event") from None


def _id(text: str | None, param: str) -> UUID | None:
    if text is None:
        return None
    prefix = text.partition("_")[0]
    found = parse_id(prefix, text) if prefix in PREFIXES.values() else None
    if found is None:
        raise InvalidRequest(
            f"'{param}' must be the id of a key, a user, a session or a project.", param=param
        )
    return found


def _users_in(events: Iterable[StoredEvent]) -> Iterable[UserId]:
    for event in events:
        if event.actor_type == "user" and event.actor_id:
            yield UserId(event.actor_id)
        if event.subject_type == "user" and event.subject_id:
            yield UserId(event.subject_id)


def _shown(stored: StoredEvent, names: dict[UserId, str]) -> AuditEvent:
    subject = None
    if stored.subject_type:
        subject = _named(stored.subject_type, stored.subject_id, names)
    return AuditEvent(
        id=id_text("audit", stored.event_id),
        created_at=stored.created_at,
        event=stored.event,
        actor=_named(stored.actor_type, stored.actor_id, names),
        subject=subject,
        address=stored.address,
        times=stored.times,
        detail=stored.detail,
    )


def _named(type_: str, id_: UUID | None, names: dict[UserId, str]) -> Named:
    text = id_text(PREFIXES[type_], id_) if id_ else None
    return Named(type_, text, names.get(UserId(id_)) if type_ == "user" and id_ else None)
