"""Memories by their ids, and by what they state that goes on holding."""

from collections.abc import Sequence

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId
from app.memory import queries
from app.memory.types import Kind, Standing, StandingMemory, StoredMemory


async def read_memories(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> dict[MemoryId, StoredMemory]:
    """Those that are there."""
    return await queries.get_memories(conn, project, ids)


async def read_standing(
    conn: Connection, project: ProjectId, user: UserId, standing: Standing, most: int
) -> list[StandingMemory]:
    """What a user's memories of one class state that goes on holding, those remembered last
    first; only what holds now."""
    return await queries.list_standing(conn, project, user, standing, most)


async def read_current(
    conn: Connection, project: ProjectId, user: UserId, kind: Kind, most: int
) -> list[StoredMemory]:
    """A user's memories of a derived kind that hold now, those remembered last first."""
    ids = await queries.list_current(conn, project, user, kind, most)
    found = await queries.get_memories(conn, project, ids)
    return [found[memory_id] for memory_id in ids if memory_id in found]
