"""Remembering: durable and found by words when the transaction commits; vectors follow."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId
from app.jobs.outbox import enqueue
from app.memory import queries
from app.memory.clean import without_nul
from app.memory.types import NewMemory, StoredMemory
from app.memory.unindex import unindex

EMBED_BATCH_MAX = 16
"""Memories a row of the outbox."""

ExternalKey = tuple[UserId, str]

COMPARED = [
    name
    for name in NewMemory.__struct_fields__
    if name not in ("memory_id", "occurred_at", "language", "sources")
]
"""What makes a memory that comes again under its external id a new version of it."""


async def remember(
    conn: Connection, project: ProjectId, memories: Sequence[NewMemory]
) -> list[MemoryId]:
    """The ids, in the order given. After the commit, wake the topic `embed_memories`.

    Idempotent: a `memory_id` that is known is left as it is; an `external_id` that its user
    already has gives the stored memory's id, and where what is said has changed, the new version
    replaces the old under that id.
    """
    clean = [without_nul(memory) for memory in memories]
    if users := {memory.user_id for memory in clean if memory.external_id is not None}:
        await queries.lock_scopes(conn, project, sorted(users))
    new = await queries.insert_memories(conn, project, clean)
    changed = {memory.memory_id: memory.user_id for memory in clean if memory.memory_id in new}
    known = [m for m in clean if m.memory_id not in new and m.external_id is not None]
    ids = await _replace_changed(conn, project, known, changed)
    await _enqueue_embedding(conn, project, changed)
    return [ids.get(_key(memory), memory.memory_id) for memory in clean]


def _key(memory: NewMemory | StoredMemory) -> ExternalKey:
    return memory.user_id, memory.external_id or ""


async def _replace_changed(
    conn: Connection,
    project: ProjectId,
    known: Sequence[NewMemory],
    changed: dict[MemoryId, UserId],
) -> dict[ExternalKey, MemoryId]:
    """The ids of these memories; of several with one external id the last one counts."""
    if not known:
        return {}
    latest = {_key(memory): memory for memory in known}
    ids = {}
    for stored in await queries.lock_memories_by_external_ids(conn, project, list(latest)):
        ids[_key(stored)] = stored.memory_id
        memory = latest[_key(stored)]
        if differs(memory, stored):
            await _replace(conn, project, stored.memory_id, memory)
            changed[stored.memory_id] = memory.user_id
    return ids


def differs(memory: NewMemory, stored: StoredMemory) -> bool:
    return any(getattr(memory, name) != getattr(stored, name) for name in COMPARED)


async def _replace(
    conn: Connection, project: ProjectId, memory_id: MemoryId, memory: NewMemory
) -> None:
    await unindex(conn, project, [memory_id])
    await queries.update_memory(conn, project, memory_id, memory)
    await queries.index_memories(conn, project, [memory_id])


async def _enqueue_embedding(
    conn: Connection, project: ProjectId, changed: dict[MemoryId, UserId]
) -> None:
    by_user: dict[UserId, list[MemoryId]] = defaultdict(list)
    for memory_id, user in changed.items():
        by_user[user].append(memory_id)
    for user, ids in by_user.items():
        for batch in _batches(ids):
            subject = batch[0] if len(batch) == 1 else None
            payload = {"memories": [memory_id.hex for memory_id in batch]}
            await enqueue(conn, project, "embed_memories", user, subject, payload)


def _batches(ids: list[MemoryId]) -> Iterable[list[MemoryId]]:
    for start in range(0, len(ids), EMBED_BATCH_MAX):
        yield ids[start : start + EMBED_BATCH_MAX]
