"""What is derived from memories that change or go: found however far, and derived again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

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


async def derive_again(
    conn: Connection, project: ProjectId, derived: Sequence[MemoryId], gone: Sequence[MemoryId]
) -> None:
    """Enqueues what derives these facts and summaries, which go, from what they came from, where
    it is still there."""
    support = await queries.list_support(conn, project, derived, gone)
    facts = [one for one in support if one.derived_kind == "fact" and one.kind == "message"]
    for (user, conversation), ids in _by_talk(facts).items():
        for batch in _batches(ids):
            payload = {"memories": [memory_id.hex for memory_id in batch]}
            await enqueue(conn, project, "extract_facts", user, conversation, payload)
    for summary in await queries.list_summarised(conn, project, derived):
        subject = summary.conversation_id
        again = {"about": summary.about, "method": summary.method, "model": summary.model}
        await enqueue(conn, project, "summarize", summary.user_id, subject, again)


def _by_talk(support: Iterable[Support]) -> dict[Talk, list[MemoryId]]:
    grouped: dict[Talk, list[MemoryId]] = defaultdict(list)
    for one in support:
        grouped[one.user_id, one.conversation_id].append(one.memory_id)
    return grouped


def _batches(ids: list[MemoryId]) -> Iterable[list[MemoryId]]:
    for start in range(0, len(ids), MEMORIES_A_JOB):
        yield ids[start : start + MEMORIES_A_JOB]
