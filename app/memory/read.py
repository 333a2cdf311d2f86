"""Memories by their ids."""

from collections.abc import Sequence

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId
from app.memory import queries
from app.memory.types import StoredMemory


async def read_memories(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> dict[MemoryId, StoredMemory]:
    """Those that are there."""
    return await queries.get_memories(conn, project, ids)
