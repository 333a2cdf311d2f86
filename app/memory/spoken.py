"""The language of each new memory: named by a setting, told from its text, or the usual one."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET

from app.db.sql import Connection
from app.ids import ProjectId, UserId
from app.memory import queries
from app.memory.language import configuration_for, configuration_of
from app.memory.types import LANGUAGE, NewMemory
from app.settings.read import own_values

TOLD_AT_ONCE_MAX = 50
"""More are told in a thread: each takes some 50 microseconds."""


async def told_ahead(memories: Sequence[NewMemory]) -> list[NewMemory]:
    """What their texts tell, found before a connection is taken for them: it takes time."""
    told = await _tell([memory.content for memory in memories])
    pairs = zip(memories, told, strict=True)
    return [msgspec.structs.replace(memory, told=language) for memory, language in pairs]


async def with_languages(
    conn: Connection, project: ProjectId, memories: Sequence[NewMemory]
) -> list[NewMemory]:
    """A text too short to tell is in the language that its user has most memories in."""
    open_ones = [memory for memory in memories if memory.language is None]
    users = list({memory.user_id for memory in open_ones})
    if not users:
        return list(memories)
    named = await own_values(conn, project, users, "memory_language")
    told = await _told_by([memory for memory in open_ones if memory.user_id not in named])
    usual = _commonest((m.user_id, told.get(m.content)) for m in open_ones)
    if None in told.values():
        usual |= await queries.usual_languages(conn, project, users)

    def language(memory: NewMemory) -> str:
        user = memory.user_id
        if user in named:
            return configuration_for(named[user])
        return told[memory.content] or usual.get(user, LANGUAGE)

    return [
        memory if memory.language else msgspec.structs.replace(memory, language=language(memory))
        for memory in memories
    ]


async def _told_by(memories: Sequence[NewMemory]) -> dict[str, str | None]:
    """By their texts, asked where they were not yet."""
    known = {one.content: one.told for one in memories if one.told is not UNSET}
    texts = [one.content for one in memories if one.content not in known]
    return known | dict(zip(texts, await _tell(texts), strict=True))


def _commonest(told: Iterable[tuple[UserId, str | None]]) -> dict[UserId, str]:
    counts = Counter((user, language) for user, language in told if language)
    return {user: language for (user, language), _ in reversed(counts.most_common())}


async def _tell(texts: Sequence[str]) -> list[str | None]:
    if len(texts) <= TOLD_AT_ONCE_MAX:
        return [configuration_of(text) for text in texts]
    return await asyncio.to_thread(lambda: [configuration_of(text) for text in texts])
