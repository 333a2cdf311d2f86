"""Taking away what was derived from memories: postings, counts, vectors, cached answers."""

from collections.abc import Sequence

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId
from app.memory import queries


async def unindex(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> None:
    """Before their rows are changed or deleted: the terms are read from them."""
    if stray := await queries.unindex_memories(conn, project, ids):
        await queries.delete_postings_by_search(conn, project, stray)
    await queries.delete_cache_entries_of(conn, project, ids)
