"""What is to be summarised: what was remembered of a talk, in its order, and is not covered yet.

Memories are read, not items: what was forgotten or corrected is so in summaries too.
"""

from collections.abc import Sequence

from app.conversations.path import list_path_ids
from app.db.sql import Connection
from app.ids import MemoryId
from app.recall.pack import CHARS_A_TOKEN
from app.summaries import queries
from app.summaries.about import CONVERSATION, About
from app.summaries.types import Said, Talk

READ_MAX = 400
STEP_CHARS_MAX = 60_000
"""Summarised at a time; the rest is the next step's."""
SAID_CHARS_MAX = 8_000
"""Of one message; what is longer was pasted more often than said."""


async def read_talk(conn: Connection, about: About, items_max: int) -> Talk:
    """Of a conversation that is gone nothing is to be summarised."""
    current = await queries.find_current(conn, about.project, about.user, about.key)
    covered: list[MemoryId] = []
    if current:
        covered = await queries.list_covered(conn, about.project, current.memory_id)
    said = await _list_said(conn, about, covered, items_max)
    taken = _first(said)
    return Talk(current, taken, more=len(taken) < len(said) or len(said) == READ_MAX)


async def _list_said(
    conn: Connection, about: About, covered: Sequence[MemoryId], items_max: int
) -> list[Said]:
    """A message of a conversation is a memory under the id of its item."""
    project, user = about.project, about.user
    if about.sort != CONVERSATION:
        return await queries.list_said_within(conn, project, user, about.stretch, covered, READ_MAX)
    assert about.conversation is not None
    ids = await list_path_ids(conn, project, about.conversation, items_max)
    return await queries.list_said(conn, project, user, ids, covered, READ_MAX)


def _first(said: Sequence[Said]) -> list[Said]:
    left = STEP_CHARS_MAX
    taken: list[Said] = []
    for one in said:
        left -= min(len(one.content), SAID_CHARS_MAX)
        if taken and left < 0:
            break
        taken.append(one)
    return taken


def tokens_of(talk: Talk) -> int:
    return sum(len(one.content) for one in talk.said) // CHARS_A_TOKEN
