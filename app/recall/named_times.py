"""The times that a query names, as windows; an event's time is that of what is found for it."""

from datetime import UTC, datetime

import msgspec

from app.db.sql import Connection
from app.memory.language import codes_of
from app.recall import queries
from app.recall.gather import rank_by_words
from app.recall.pool import Window
from app.recall.times import TimeSpan, times_in, window_by_event
from app.recall.types import Asked, Reach


async def windows_of(conn: Connection, reach: Reach, asked: Asked) -> tuple[Window, ...]:
    """Seen from `as_of`, or now."""
    spans = times_in(asked.query, reach.as_of or datetime.now(UTC), codes_of(asked.query))
    found = [await _window(conn, reach, asked, span) for span in spans]
    return tuple(window for window in found if window is not None)


async def _window(conn: Connection, reach: Reach, asked: Asked, span: TimeSpan) -> Window | None:
    if span.event is None:
        return span.since, span.until
    event_at = await _time_of(conn, reach, asked, span.event)
    return None if event_at is None else window_by_event(span, event_at)


async def _time_of(conn: Connection, reach: Reach, asked: Asked, event: str) -> datetime | None:
    """Of the memory that has most of the event's words."""
    about = msgspec.structs.replace(asked, query=event, limit=1)
    found = (await rank_by_words(conn, reach, about)).found[:1]
    described = await queries.describe(conn, reach.project, [one.memory_id for one in found])
    return described[0].occurred_at if described else None
