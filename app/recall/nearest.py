"""The vectors nearest to a query: all looked through in a small scope, by the index in a large one.

A btree and an exact sort of ten thousand vectors take some milliseconds and are right; HNSW under
a filter that few rows pass visits more than that. What the index gives is compared with the exact
result by `backstory doctor --recall`.
"""

from app.db.sql import Connection
from app.recall import queries
from app.recall.types import Reach, Vector, VectorScored

EFFORT = 1_000
"""HNSW's ef_search: candidates held while searching, as many as pgvector allows."""


async def nearest(
    conn: Connection,
    reach: Reach,
    model: str,
    vector: Vector,
    most: int,
    *,
    large: bool,
) -> list[VectorScored]:
    """Never fewer than there are: where the index of a `large` scope gives too few (it is not
    there, or the filter lets too little pass), all are looked through."""
    found = await queries.rank_by_index(conn, reach, model, vector, most, EFFORT) if large else []
    if found:
        return found
    return await queries.rank_by_vector(conn, reach, model, vector, most)
