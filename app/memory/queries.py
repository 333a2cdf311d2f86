"""Typed access to queries.sql: what is written."""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.db.sql import Connection, load
from app.ids import MemoryId, ProjectId, UserId
from app.memory.types import NewMemory, StoredMemory

_sql = load(__file__)
_insert_memories = _sql.statement("insert_memories")
_lock_memory = _sql.rows("lock_memory_by_external_id", StoredMemory)
_update_memory = _sql.statement("update_memory")
_index_memories = _sql.statement("index_memories")
_unindex_memories = _sql.statement("unindex_memories")
_delete_postings_by_search = _sql.statement("delete_postings_by_search")
_delete_cache_entries_of = _sql.statement("delete_cache_entries_of")

_INSERTED = [name for name in NewMemory.__struct_fields__ if name != "sources"]


async def insert_memories(
    conn: Connection, project: ProjectId, memories: Sequence[NewMemory]
) -> set[MemoryId]:
    """The ids of those that were not known yet."""
    columns: dict[str, list[Any]] = {
        f"{name}s": [getattr(memory, name) for memory in memories] for name in _INSERTED
    }
    sources = [(memory.memory_id, source) for memory in memories for source in memory.sources]
    found = await _insert_memories.values(
        conn,
        project=project,
        **columns,
        source_owners=[owner for owner, _ in sources],
        source_types=[source.type for _, source in sources],
        source_ids=[source.id for _, source in sources],
    )
    return set(found)


async def lock_memory_by_external_id(
    conn: Connection, project: ProjectId, user: UserId, external_id: str
) -> StoredMemory | None:
    return await _lock_memory.one(conn, project=project, user_id=user, external_id=external_id)


async def update_memory(
    conn: Connection, project: ProjectId, memory_id: MemoryId, memory: NewMemory
) -> None:
    values = msgspec.structs.asdict(memory) | {"memory_id": memory_id}
    await _update_memory.run(conn, project=project, **values)


async def index_memories(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> None:
    await _index_memories.run(conn, project=project, memory_ids=ids)


async def unindex_memories(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[MemoryId]:
    """Locks the rows; gives those that still have postings."""
    return await _unindex_memories.values(conn, project=project, memory_ids=ids)


async def delete_postings_by_search(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> None:
    await _delete_postings_by_search.run(conn, project=project, memory_ids=ids)


async def delete_cache_entries_of(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> None:
    await _delete_cache_entries_of.run(conn, project=project, memory_ids=ids)
