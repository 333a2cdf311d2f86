"""Reading a query: what it looks for, whom it names, and which times.

What names a speaker or a time, or is about asking, is left out of what is looked for.
"""

import re

import msgspec

from app.db.sql import Connection
from app.ids import MemoryId
from app.memory.language import configuration_of
from app.recall import queries
from app.recall.features import Question
from app.recall.framing import without_frame
from app.recall.named_times import Times, said_in, times_of
from app.recall.question import asks_for_anything, asks_when
from app.recall.said_times import without_times
from app.recall.speakers import named_in, without_names
from app.recall.types import Reach

SPEAKERS_MAX = 500

_LETTERS = re.compile(r"\w{2,}")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """`words` are looked for; `bare` and `whole` are embedded, `bare` without speakers' names."""

    question: Question
    words: str
    bare: str
    whole: str
    language: str | None
    dated: str = ""
    """The words of a date that it names."""
    said_then: list[MemoryId] = []
    """Where nothing but a time is asked for: what was said in it."""


async def read(conn: Connection, reach: Reach, query: str) -> Reading:
    named = named_in(query, await _speakers(conn, reach))
    times = await times_of(conn, reach, query)
    left = without_times(query, times.phrases)
    said_then = await _said_then(conn, reach, times, named, left)
    core = left if said_then or _LETTERS.search(left) else query
    return Reading(
        question=Question(
            when=asks_when(query),
            named=tuple(named),
            windows=times.windows,
            anything=bool(said_then),
        ),
        words="" if said_then else without_frame(core),
        bare=without_names(without_frame(core), named) or query,
        whole=core or query,
        language=configuration_of(query),
        dated=times.dated,
        said_then=said_then,
    )


async def _said_then(
    conn: Connection, reach: Reach, times: Times, named: list[str], left: str
) -> list[MemoryId]:
    """By whom the query names, where that is all that it says beside the time."""
    if not times.windows or not asks_for_anything(without_names(left, named)):
        return []
    asked = msgspec.structs.replace(reach, speakers=reach.speakers or named or None)
    return await said_in(conn, asked, times.windows)


async def _speakers(conn: Connection, reach: Reach) -> list[str]:
    """Of one user; among those of all a name would tell nothing."""
    if len(reach.users) != 1:
        return []
    return await queries.list_speakers(conn, reach.project, reach.users[0], SPEAKERS_MAX)
