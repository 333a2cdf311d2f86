"""The times that a query names, as windows; an event's time is that of what is found for it."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from app.db.sql import Connection
from app.ids import MemoryId
from app.memory.language import codes_of
from app.recall import queries
from app.recall.pool import Window
from app.recall.search import rank_by_words
from app.recall.times import TimeSpan, times_in, window_by_event
from app.recall.types import Reach

SAID_THEN_MAX = 100
"""Of a time that nothing is asked of but what was said then, those said last."""


class Times(msgspec.Struct, frozen=True):
    """The windows, the words of the query that name them, and those that a text may say as well."""

    windows: tuple[Window, ...] = ()
    phrases: tuple[str, ...] = ()
    dated: str = ""


async def times_of(conn: Connection, reach: Reach, query: str) -> Times:
    """Seen from `as_of`, or now. An event of which nothing is known names no time."""
    windows, named = [], []
    for span in times_in(query, reach.as_of or datetime.now(UTC), codes_of(query)):
        if window := await _window(conn, reach, span):
            windows.append(window)
            named.append(span)
    phrases = tuple(span.phrase for span in named if span.phrase)
    return Times(tuple(windows), phrases, " ".join(span.dated for span in named).strip())


async def said_in(conn: Connection, reach: Reach, windows: Sequence[Window]) -> list[MemoryId]:
    found: list[MemoryId] = []
    for window in windows:
        found += await queries.list_said_in(conn, within(reach, window), SAID_THEN_MAX)
    return found[:SAID_THEN_MAX]


def within(reach: Reach, window: Window) -> Reach:
    """The part of it that lies in the window."""
    since, until = window
    return msgspec.structs.replace(
        reach,
        since=max(filter(None, (reach.since, since)), default=None),
        until=min(filter(None, (reach.until, until)), default=None),
    )


async def _window(conn: Connection, reach: Reach, span: TimeSpan) -> Window | None:
    if span.event is None:
        return span.since, span.until
    event_at = await _time_of(conn, reach, span.event)
    return None if event_at is None else window_by_event(span, event_at)


async def _time_of(conn: Connection, reach: Reach, event: str) -> datetime | None:
    """Of the memory that has most of the event's words."""
    found = (await rank_by_words(conn, reach, event, 1)).found
    described = await queries.describe(conn, reach.project, [one.memory_id for one in found])
    return described[0].occurred_at if described else None
