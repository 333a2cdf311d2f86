"""Taking away what was derived from memories: postings, counts, vectors, cached answers."""

from collections.abc import Sequence

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId
from app.memory import queries
from app.memory.types import Forgotten


async def unindex(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> Forgotten:
    """Before their rows are changed or deleted: the terms are read from them."""
    gone = await queries.unindex_memories(conn, project, ids)
    postings = gone.postings
    if gone.stray:
        postings += await queries.delete_postings_by_search(conn, project, gone.stray)
    entries = await queries.delete_cache_entries_of(conn, project, ids)
    return Forgotten(postings=postings, vectors=gone.vectors, cache_entries=entries)
