"""Forgetting: memories, and all that was derived from them."""

from collections.abc import Sequence
from uuid import UUID

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId
from app.jobs.outbox import cancel
from app.memory import queries
from app.memory.queries import LOWEST_ID
from app.memory.types import MemoryFilter, SourceType
from app.memory.unindex import unindex

BATCH = 1_000


async def forget(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> int:
    """How many went: these, and what came from them, however far. Unknown ids are no error.

    With each go its postings, counts, vectors, sources and versions, the cached answers that used
    it, and work that waits for it.
    """
    forgotten = 0
    while ids:
        await queries.lock_scopes_of(conn, project, ids)
        derived = await queries.list_by_sources(conn, project, "memory", ids)
        await unindex(conn, project, ids)
        await cancel(conn, project, "embed_memories", ids)
        forgotten += await queries.delete_memories(conn, project, ids)
        ids = derived
    return forgotten


async def forget_by_source(
    conn: Connection, project: ProjectId, source_type: SourceType, source_ids: Sequence[UUID]
) -> int:
    """All memories that came from any of these."""
    ids = await queries.list_by_sources(conn, project, source_type, source_ids)
    return await forget(conn, project, ids)


async def forget_user_memories(conn: Connection, project: ProjectId, user: UserId) -> int:
    """All memories of a user (or of the project itself), and what came from them."""
    forgotten = 0
    only = MemoryFilter(user_id=user)
    while ids := await queries.list_memories(
        conn, project, only, descending=False, cursor=LOWEST_ID, most=BATCH
    ):
        forgotten += await forget(conn, project, ids)
    await queries.delete_scope(conn, project, user)
    return forgotten
