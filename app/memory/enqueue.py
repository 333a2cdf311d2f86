"""The vectors of memories, to be made in the background."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId
from app.jobs.outbox import enqueue_all
from app.jobs.types import Work

EMBED_BATCH_MAX = 16
"""Memories a row of the outbox."""


async def enqueue_embedding(
    conn: Connection, project: ProjectId, changed: Mapping[MemoryId, UserId]
) -> None:
    """After the commit, wake the topic `embed_memories`."""
    by_user: dict[UserId, list[MemoryId]] = defaultdict(list)
    for memory_id, user in changed.items():
        by_user[user].append(memory_id)
    works = [_work(user, batch) for user, ids in by_user.items() for batch in _batches(ids)]
    if works:
        await enqueue_all(conn, project, "embed_memories", works)


def _work(user: UserId, ids: list[MemoryId]) -> Work:
    payload = {"memories": [memory_id.hex for memory_id in ids]}
    return Work(user, ids[0] if len(ids) == 1 else None, payload)


def _batches(ids: list[MemoryId]) -> Iterable[list[MemoryId]]:
    for start in range(0, len(ids), EMBED_BATCH_MAX):
        yield ids[start : start + EMBED_BATCH_MAX]
