"""What the index of vectors finds, compared with what looking through all of them finds.

As the owner of the tables: it looks at all projects. Asked are vectors near stored ones, drawn
anew each time, of everyone in a project.
"""

from uuid import UUID

import msgspec
import numpy as np
from pgvector import HalfVector

from app.db.sql import Connection
from app.ids import ProjectId
from app.recall import queries
from app.recall.nearest import EFFORT
from app.recall.types import Reach, Vector

BEST = 10
FOUND_MAX = 100
SAMPLES = 20
COSINE = 0.9
"""Of what is asked to the stored vector: as near as a question may be to what answers it well."""

LARGE = """
    SELECT project_id, sum(memories)::bigint AS memories
    FROM memory_scopes GROUP BY project_id HAVING sum(memories) > $1
    ORDER BY memories DESC
"""
MODEL = "SELECT name FROM embedding_models WHERE model_id = embedding_model_in_use()"
ENDS = """
    (SELECT memory_id FROM memories WHERE project_id = $1 ORDER BY memory_id LIMIT 1)
    UNION ALL
    (SELECT memory_id FROM memories WHERE project_id = $1 ORDER BY memory_id DESC LIMIT 1)
"""
STORED = """
    SELECT near.embedding
    FROM unnest($2::uuid[]) AS drawn (memory_id)
    CROSS JOIN LATERAL (
        SELECT v.embedding FROM memory_vectors v
        WHERE v.project_id = $1 AND v.memory_id >= drawn.memory_id AND v.part = 0
          AND v.model_id = embedding_model_in_use()
        ORDER BY v.memory_id
        LIMIT 1) AS near
"""


class LargeProject(msgspec.Struct, frozen=True):
    project: ProjectId
    memories: int


class Compared(msgspec.Struct, frozen=True):
    """`share` of the exact best is found; None where there is no index."""

    project: ProjectId
    memories: int
    asked: int
    share: float | None


async def large_projects(conn: Connection, exact_max: int) -> list[LargeProject]:
    return [LargeProject(*row) for row in await conn.fetch(LARGE, exact_max)]


async def compare(conn: Connection, large: LargeProject) -> Compared:
    drawn = np.random.default_rng()
    reach = Reach(project=large.project, users=await queries.list_scopes(conn, large.project))
    model: str = await conn.fetchval(MODEL)
    shares = []
    for stored in await _stored(conn, large.project, drawn):
        share = await _share(conn, reach, model, _near(stored, drawn))
        if share is None:
            return Compared(large.project, large.memories, 0, None)
        shares.append(share)
    share = sum(shares) / len(shares) if shares else None
    return Compared(large.project, large.memories, len(shares), share)


async def _stored(conn: Connection, project: ProjectId, drawn: np.random.Generator) -> list[Vector]:
    """Of memories evenly drawn over time, since ids begin with it."""
    first, last = [row[0].int for row in await conn.fetch(ENDS, project)]
    ids = [UUID(int=first + int(at * (last - first))) for at in drawn.uniform(0, 1, SAMPLES)]
    rows: list[HalfVector] = [row[0] for row in await conn.fetch(STORED, project, ids)]
    return [row.to_numpy().astype(np.float32) for row in rows]


def _near(stored: Vector, drawn: np.random.Generator) -> Vector:
    stored = stored / np.linalg.norm(stored)
    noise = drawn.standard_normal(len(stored)).astype(np.float32)
    noise -= (noise @ stored) * stored
    noise /= np.linalg.norm(noise)
    near: Vector = (COSINE * stored + np.sqrt(1 - COSINE**2) * noise).astype(np.float32)
    return near


async def _share(conn: Connection, reach: Reach, model: str, vector: Vector) -> float | None:
    found = await queries.rank_by_index(conn, reach, model, vector, FOUND_MAX, EFFORT)
    if not found:
        return None
    exact = await queries.rank_by_vector(conn, reach, model, vector, BEST)
    best = {one.memory_id for one in exact[:BEST]}
    return len(best & {one.memory_id for one in found}) / len(best)
