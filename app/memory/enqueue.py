"""Memories that wait for their vectors, in rows of the outbox of bounded work."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId
from app.jobs.outbox import enqueue_all
from app.jobs.types import Work
from app.memory.types import NewMemory, ToEmbed
from app.memory.vectors.passages import PASSAGES_MAX, passages_about

EMBED_BATCH_MAX = 16
"""Memories a row of the outbox, and no more passages than one memory may have."""


def to_embed(memory_id: MemoryId, memory: NewMemory) -> ToEmbed:
    return ToEmbed(memory_id, memory.user_id, passages_about(memory.content))


async def enqueue_embedding(
    conn: Connection, project: ProjectId, waiting: Sequence[ToEmbed]
) -> None:
    """After the commit, wake the topic `embed_memories`."""
    by_user = groupby(sorted(waiting, key=_owner), _owner)
    works = [_work(user, batch) for user, group in by_user for batch in _batches(group)]
    if works:
        await enqueue_all(conn, project, "embed_memories", works)


def _owner(memory: ToEmbed) -> UserId:
    return memory.user_id


def _work(user: UserId, batch: list[ToEmbed]) -> Work:
    payload = {"memories": [memory.memory_id.hex for memory in batch]}
    return Work(user, batch[0].memory_id if len(batch) == 1 else None, payload)


def _batches(memories: Iterable[ToEmbed]) -> Iterator[list[ToEmbed]]:
    batch: list[ToEmbed] = []
    for memory in memories:
        passages = sum(one.passages for one in batch) + memory.passages
        if batch and (len(batch) == EMBED_BATCH_MAX or passages > PASSAGES_MAX):
            yield batch
            batch = []
        batch.append(memory)
    if batch:
        yield batch
