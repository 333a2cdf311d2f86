"""The least that storing anything costs: one small row and one commit, on a bare connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from app.db.sql import Connection
from tests.bench.measure import Way, timed
from tests.bench.world import World

COMMIT = "one commit"
ROW_BYTES = 1024


@asynccontextmanager
async def bare_connection(world: World) -> AsyncIterator[Connection]:
    """As a superuser, so that no row security is in what we are compared with."""
    conn = await asyncpg.connect(world.postgres.superuser_url)
    try:
        await conn.execute("CREATE TABLE IF NOT EXISTS bench_rows (id uuid, body bytea)")
        yield conn
    finally:
        await conn.execute("DROP TABLE bench_rows")
        await conn.close()


def committing(conn: Connection) -> Way:
    content = bytes(ROW_BYTES)

    async def commit() -> None:
        await conn.execute("INSERT INTO bench_rows VALUES ($1, $2)", uuid4(), content)

    return timed(commit)
