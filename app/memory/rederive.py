"""What is derived from memories that change or go: found however far, and derived again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from app.db.sql import Connection
from app.ids import ConversationId, MemoryId, ProjectId, UserId
from app.jobs.outbox import enqueue
from app.memory import queries
from app.memory.types import Support

MEMORIES_A_JOB = 16

Talk = tuple[UserId, ConversationId | None]


async def derived_from(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[MemoryId]:
    """All that came from these, however far, without these."""
    known = set(ids)
    found: list[MemoryId] = []
    level = list(ids)
    while level:
        next_ones = await queries.list_by_sources(conn, project, "memory", level)
        level = [memory_id for memory_id in next_ones if memory_id not in known]
        known.update(level)
        found += level
    return found


async def derive_again(conn: Connection, project: ProjectId, support: Sequence[Support]) -> None:
    """Enqueues what derives facts and summaries from what they came from, where it is still there.
    A topic that nobody works on is not waited for: it is worked off where it is switched on."""
    facts = [one for one in support if one.derived_kind == "fact" and one.kind == "message"]
    summaries = [one for one in support if one.derived_kind == "summary"]
    for (user, conversation), ids in _by_talk(facts).items():
        for batch in _batches(ids):
            payload = {"memories": [memory_id.hex for memory_id in batch]}
            await enqueue(conn, project, "extract_facts", user, conversation, payload)
    for user, conversation, payload in _stretches(summaries):
        await enqueue(conn, project, "summarize", user, conversation, payload)


def _by_talk(support: Iterable[Support]) -> dict[Talk, list[MemoryId]]:
    grouped: dict[Talk, list[MemoryId]] = defaultdict(list)
    for one in support:
        grouped[one.user_id, one.conversation_id].append(one.memory_id)
    return grouped


def _batches(ids: list[MemoryId]) -> Iterable[list[MemoryId]]:
    for start in range(0, len(ids), MEMORIES_A_JOB):
        yield ids[start : start + MEMORIES_A_JOB]


def _stretches(
    support: Iterable[Support],
) -> Iterable[tuple[UserId, ConversationId | None, dict[str, Any]]]:
    """Each conversation once, or each episode where there is no conversation."""
    seen = set()
    for one in support:
        stretch = (one.user_id, one.conversation_id, None if one.conversation_id else one.episode)
        if stretch in seen:
            continue
        seen.add(stretch)
        if one.conversation_id:
            yield one.user_id, one.conversation_id, {"conversation": one.conversation_id.hex}
        elif one.episode:
            yield one.user_id, None, {"episode": one.episode}
