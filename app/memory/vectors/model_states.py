"""How far the vectors of each embedding model are, and away with those that nobody asks any more.

As the owner of the tables: it looks at all projects.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from app.db.sql import Connection
from app.memory.vectors.index import index_name

DELETED_AT_ONCE = 10_000

STATES = """
    SELECT e.model_id, e.name, e.dimensions,
           CASE WHEN e.model_id = embedding_model_in_use() THEN 'in use'
                WHEN e.filling_since IS NOT NULL THEN 'being filled in'
                ELSE 'unused' END AS state,
           (SELECT count(*) FROM memory_vectors v
            WHERE v.model_id = e.model_id AND v.part = 0) AS memories
    FROM embedding_models e
    ORDER BY e.model_id
"""
MEMORIES = "SELECT coalesce(sum(memories), 0)::bigint FROM memory_scopes"
DELETE = """
    DELETE FROM memory_vectors WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM memory_vectors WHERE model_id = $1 LIMIT $2))
"""


class ModelState(msgspec.Struct, frozen=True):
    """`memories` have vectors of it."""

    model_id: int
    name: str
    dimensions: int
    state: Literal["in use", "being filled in", "unused"]
    memories: int


async def model_states(conn: Connection) -> list[ModelState]:
    return [ModelState(*row) for row in await conn.fetch(STATES)]


async def count_memories(conn: Connection) -> int:
    return int(await conn.fetchval(MEMORIES))


async def drop_vectors(conn: Connection, model: ModelState, tell: Callable[[int], None]) -> None:
    """With their index. `tell` hears how many have gone since it last did."""
    await conn.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index_name(model.model_id)}")
    gone = DELETED_AT_ONCE
    while gone == DELETED_AT_ONCE:
        status = await conn.execute(DELETE, model.model_id, DELETED_AT_ONCE)
        gone = int(status.rpartition(" ")[2])
        tell(gone)
