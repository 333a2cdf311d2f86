"""The index of vectors, for scopes that are too large to be looked through: HNSW by pgvector.

One for each embedding model, made by the owner of the tables while the service goes on. Recall
reads it through `nearest_memories` (migration 0018), and looks through all where it is not there.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import asyncpg
import msgspec

from app.db.connect import connect_as
from app.db.sql import Connection

LOCK = 0x766563  # "vec"
PROGRESS_SECONDS = 0.5

NEIGHBOURS = 24
EFFORT = 200
"""HNSW's m and ef_construction (Malkov and Yashunin, 2016). pgvector's defaults, 16 and 64, find
too little of a million vectors: docs/memory.md has the figures."""

BYTES_A_VECTOR = 1_000
"""What a vector takes in memory while the index is built, beside its numbers of two bytes."""

MODELS = """
    SELECT e.model_id, e.name, e.dimensions, i.indexrelid IS NOT NULL AS made,
           coalesce(i.indisvalid, false) AS valid
    FROM embedding_models e
    LEFT JOIN pg_index i ON i.indexrelid = to_regclass('memory_vectors_nearest_' || e.model_id)
    WHERE e.filling_since IS NOT NULL OR e.model_id = embedding_model_in_use()
    ORDER BY e.model_id
"""
LARGEST_PROJECT = """
    SELECT coalesce(max(memories), 0)::bigint
    FROM (SELECT sum(memories) AS memories FROM memory_scopes GROUP BY project_id) AS projects
"""
VECTORS = "SELECT count(*) FROM memory_vectors WHERE model_id = $1"
PROGRESS = """
    SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done::float8 / blocks_total END
    FROM pg_stat_progress_create_index
    WHERE pid = $1
"""


def index_name(model_id: int) -> str:
    return f"memory_vectors_nearest_{model_id}"


class IndexedModel(msgspec.Struct, frozen=True):
    """A model that is in use or filled in, and how its index stands: one that is `made` and not
    `valid` was interrupted."""

    model_id: int
    name: str
    dimensions: int
    made: bool
    valid: bool

    @property
    def index(self) -> str:
        return index_name(self.model_id)


class Progress(msgspec.Struct, frozen=True):
    phase: str
    share: float | None
    """Of the table that has been read; the last of it can take longest."""


Tell = Callable[[Progress], None]
Built = Literal["built", "there", "built by another"]


async def list_models(conn: Connection) -> list[IndexedModel]:
    return [IndexedModel(*row) for row in await conn.fetch(MODELS)]


async def largest_project(conn: Connection) -> int:
    """How many memories it has."""
    return int(await conn.fetchval(LARGEST_PROJECT))


async def build_index(
    owner_url: str, model: IndexedModel, memory_bytes_max: int, tell: Tell
) -> Built:
    """Takes minutes for a million vectors; cancelled, it leaves what the next one clears away."""
    async with _connected(owner_url) as conn, _connected(owner_url) as watcher:
        if not await conn.fetchval("SELECT pg_try_advisory_lock($1, $2)", LOCK, model.model_id):
            return "built by another"
        if any(found.valid for found in await list_models(conn) if found.index == model.index):
            return "there"
        await conn.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {model.index}")
        await _set_memory(conn, model, memory_bytes_max)
        watching = asyncio.create_task(_watch(watcher, conn.get_server_pid(), tell))
        try:
            await _create(conn, model)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
    return "built"


@asynccontextmanager
async def _connected(owner_url: str) -> AsyncIterator[Connection]:
    conn = await connect_as(owner_url, "its owner")
    try:
        yield conn
    finally:
        await conn.close()


async def _set_memory(conn: Connection, model: IndexedModel, bytes_max: int) -> None:
    """All of the graph, if it may be: what does not fit is built many times slower."""
    vectors = await conn.fetchval(VECTORS, model.model_id)
    needed = vectors * (2 * model.dimensions + BYTES_A_VECTOR)
    kilobytes = max(min(needed, bytes_max) // 1024, 2**16)
    await conn.execute(f"SET maintenance_work_mem = '{kilobytes}kB'")


async def _create(conn: Connection, model: IndexedModel) -> None:
    try:
        await conn.execute(_statement(model))
    except (asyncpg.DiskFullError, asyncpg.OutOfMemoryError):
        # Workers share memory that a container may not have: /dev/shm is 64 MB there by default.
        await conn.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {model.index}")
        await conn.execute("SET max_parallel_maintenance_workers = 0")
        await conn.execute(_statement(model))


def _statement(model: IndexedModel) -> str:
    vector = f"embedding::halfvec({model.dimensions})"
    return (
        f"CREATE INDEX CONCURRENTLY {model.index} ON memory_vectors "
        f"USING hnsw (({vector}) halfvec_ip_ops) "
        f"WITH (m = {NEIGHBOURS}, ef_construction = {EFFORT}) WHERE model_id = {model.model_id}"
    )


async def _watch(conn: Connection, pid: int, tell: Tell) -> None:
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
        while True:
            if row := await conn.fetchrow(PROGRESS, pid):
                tell(Progress(*row))
            await asyncio.sleep(PROGRESS_SECONDS)
