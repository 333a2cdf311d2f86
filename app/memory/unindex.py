"""Taking away what was derived from memories: postings, counts, vectors, cached answers."""

from collections.abc import Sequence

from app.db.database import beyond_user
from app.db.sql import Connection
from app.ids import MemoryId, ProjectId
from app.memory import queries
from app.memory.enqueue import enqueue_embedding
from app.memory.types import Forgotten


async def unindex(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> Forgotten:
    """Before their rows are changed or deleted: the terms are read from them.

    Windows of others that held them go as well, and are made anew by the topic `embed_memories`.
    """
    gone = await queries.unindex_memories(conn, project, ids)
    postings = gone.postings
    if gone.stray:
        postings += await queries.delete_postings_by_search(conn, project, gone.stray)
    beside = await queries.delete_windows_beside(conn, project, ids)
    await enqueue_embedding(conn, project, beside)
    async with beyond_user(conn):  # entries in namespaces are nobody's own
        entries = await queries.delete_cache_entries_of(conn, project, ids)
    return Forgotten(postings=postings, vectors=gone.vectors, cache_entries=entries)
