"""Remembering: durable and found by words when the transaction commits; vectors follow."""

from collections.abc import Collection, Sequence

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId
from app.memory import queries
from app.memory.clean import without_nul
from app.memory.enqueue import enqueue_embedding, to_embed
from app.memory.forget import forget_derived
from app.memory.spoken import with_languages
from app.memory.standing import with_standing
from app.memory.types import FOUND, NewMemory, StoredMemory, Why
from app.memory.unindex import unindex
from app.memory.versions import keep_versions

ExternalKey = tuple[UserId, str]

COMPARED = [
    name for name in NewMemory.__struct_fields__ if name not in ("memory_id", "occurred_at", *FOUND)
]
"""What makes a memory that comes again under its external id a new version of it."""

READ = ("kind", "content", "speaker")
"""What others are derived from."""


async def remember(
    conn: Connection, project: ProjectId, memories: Sequence[NewMemory]
) -> list[MemoryId]:
    """The ids, in the order given. After the commit, wake the topic `embed_memories`.

    Idempotent: a `memory_id` that is known is left as it is; an `external_id` that its user
    already has gives the stored memory's id, and where what is said has changed, the new version
    replaces the old under that id.
    """
    clean, changed = await _insert(conn, project, memories)
    known = [m for m in clean if m.memory_id not in changed and m.external_id is not None]
    ids = await _replace_changed(conn, project, known, changed)
    await enqueue_embedding(conn, project, [to_embed(*one) for one in changed.items()])
    return [ids.get(_key(memory), memory.memory_id) for memory in clean]


async def remember_new(
    conn: Connection,
    project: ProjectId,
    memories: Sequence[NewMemory],
    *,
    embedded: Collection[MemoryId],
) -> set[MemoryId]:
    """The ids of those that were not known: what is, by its id or its external id, stays as it is.

    The caller stores the vectors of those that are `embedded`; the others wait for theirs.
    """
    _, new = await _insert(conn, project, memories)
    waiting = [to_embed(*one) for one in new.items() if one[0] not in embedded]
    await enqueue_embedding(conn, project, waiting)
    return set(new)


async def _insert(
    conn: Connection, project: ProjectId, memories: Sequence[NewMemory]
) -> tuple[list[NewMemory], dict[MemoryId, NewMemory]]:
    """All as they are stored, and those that are new."""
    clean = [with_standing(without_nul(memory)) for memory in memories]
    clean = await with_languages(conn, project, clean)
    if users := {memory.user_id for memory in clean if memory.external_id is not None}:
        await queries.lock_scopes(conn, project, sorted(users))
    new = await queries.insert_memories(conn, project, clean)
    inserted = {memory.memory_id: memory for memory in clean if memory.memory_id in new}
    if facts := [memory for memory in inserted.values() if memory.fact]:
        await queries.insert_facts(conn, project, facts)
    return clean, inserted


def _key(memory: NewMemory | StoredMemory) -> ExternalKey:
    return memory.user_id, memory.external_id or ""


async def _replace_changed(
    conn: Connection,
    project: ProjectId,
    known: Sequence[NewMemory],
    changed: dict[MemoryId, NewMemory],
) -> dict[ExternalKey, MemoryId]:
    """The ids of these memories; of several with one external id the last one counts."""
    if not known:
        return {}
    latest = {_key(memory): memory for memory in known}
    found = await queries.lock_memories_by_external_ids(conn, project, list(latest))
    differing = [
        (stored, latest[_key(stored)]) for stored in found if differs(latest[_key(stored)], stored)
    ]
    await replace(conn, project, differing, "replaced")
    changed.update({stored.memory_id: memory for stored, memory in differing})
    return {_key(stored): stored.memory_id for stored in found}


def differs(memory: NewMemory, stored: StoredMemory | NewMemory) -> bool:
    return any(getattr(memory, name) != getattr(stored, name) for name in COMPARED)


async def replace(
    conn: Connection, project: ProjectId, pairs: Sequence[tuple[StoredMemory, NewMemory]], why: Why
) -> None:
    """New versions under the ids of the stored ones, which the caller has locked. What came from
    the old ones goes, and is derived again."""
    if not pairs:
        return
    told = await with_languages(conn, project, [with_standing(memory) for _, memory in pairs])
    replaced = {stored.memory_id: memory for (stored, _), memory in zip(pairs, told, strict=True)}
    if read := [stored.memory_id for stored, memory in pairs if _reads_otherwise(memory, stored)]:
        await forget_derived(conn, project, read)
    await keep_versions(conn, project, list(replaced), why)
    await unindex(conn, project, list(replaced))
    await queries.update_memories(conn, project, replaced, patched=why == "patched")
    await queries.index_memories(conn, project, list(replaced))


def _reads_otherwise(memory: NewMemory, stored: StoredMemory) -> bool:
    return any(getattr(memory, name) != getattr(stored, name) for name in READ)
