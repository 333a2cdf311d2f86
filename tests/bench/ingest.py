"""A file of many memories: in by `backstory ingest`, again, and out; against the same rows by SQL.

Vectors are left to follow, so the embedder works beside all ways alike.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from app.config import Config
from app.db.database import open_database
from app.db.sql import Connection
from app.ids import ProjectId, UserId, new_id
from app.memory.queries import insert_memories
from app.memory.types import NewMemory
from tests.bench.measure import Progress, Ratio
from tests.bench.options import Options
from tests.bench.report import Claim, Findings, Table
from tests.bench.texts import Texts
from tests.bench.world import World
from tests.support.serving import ROOT, clean_environ

USER = "bench-ingest"
BATCH = 500
COPIED = ("memories", "memory_postings")

INGEST, AGAIN = "backstory ingest", "the same again: nothing to do"
EXPORT = "backstory memory export"
INSERT, COPY = "the same rows by SQL, 500 a transaction", "COPY of the finished rows and postings"


async def run(world: World, options: Options, progress: Progress) -> Findings:
    count = 5_000 if options.quick else 100_000
    file = world.data_dir / "lines.ndjson"
    texts = Texts([]).sentences(count)
    file.write_bytes(b"\n".join(msgspec.json.encode({"content": text}) for text in texts))
    out = str(world.data_dir / "out.ndjson")
    ways: dict[str, Callable[[], Awaitable[float]]] = {
        INGEST: lambda: _command(world, "ingest", str(file), "--user", USER),
        AGAIN: lambda: _command(world, "ingest", str(file), "--user", USER),
        EXPORT: lambda: _command(world, "memory", "export", out, "--user", USER),
        INSERT: lambda: _insert(world, texts),
        COPY: lambda: _copy(world),
    }
    rates = {}
    for name, way in ways.items():
        progress(name)
        rates[name] = count / await way()
    return Findings("ingest", [_table(rates, count, file)], _claims(rates))


async def _command(world: World, *arguments: str) -> float:
    """The seconds of a process from its start to its end."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *arguments, "--data-dir", str(world.data_dir)),
        cwd=ROOT,
        env=clean_environ(),
    )
    assert await process.wait() == 0
    return time.perf_counter() - began


async def _insert(world: World, texts: list[str]) -> float:
    config = Config(database_pool_max=1)
    project = await _project(world)
    user, now = UserId(new_id()), datetime.now(UTC)
    async with open_database(world.postgres.service_url, config) as database:
        began = time.perf_counter()
        for start in range(0, len(texts), BATCH):
            memories = [
                NewMemory(
                    user_id=user,
                    kind="note",
                    language="english",
                    content=text,
                    occurred_at=now,
                    trust="application",
                    external_id=f"lines.ndjson:{start + place}",
                )
                for place, text in enumerate(texts[start : start + BATCH])
            ]
            async with database.tenant(project) as conn:
                await insert_memories(conn, project, memories)
        return time.perf_counter() - began


async def _copy(world: World) -> float:
    """Into the same tables, as if it were another project's."""
    conn = await asyncpg.connect(world.postgres.superuser_url)
    try:
        project, user = await _project(world), await _user(conn)
        rows = {table: await _rows(conn, table, project, user) for table in COPIED}
        began = time.perf_counter()
        async with conn.transaction():
            for table, (columns, records) in rows.items():
                await conn.copy_records_to_table(table, records=records, columns=columns)
        return time.perf_counter() - began
    finally:
        await conn.close()


async def _rows(
    conn: Connection, table: str, project: ProjectId, user: UserId
) -> tuple[list[str], list[tuple[Any, ...]]]:
    columns = [
        row["attname"]
        for row in await conn.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 "
            "AND NOT attisdropped AND attgenerated = '' AND attname <> 'project_id'",
            table,
        )
    ]
    found = await conn.fetch(
        f"SELECT {', '.join(columns)} FROM {table} WHERE project_id = $1 AND user_id = $2",
        *(project, user),
    )
    elsewhere = new_id()
    return ["project_id", *columns], [(elsewhere, *row) for row in found]


async def _project(world: World) -> ProjectId:
    conn = await asyncpg.connect(world.postgres.superuser_url)
    found = await conn.fetchval("SELECT project_id FROM projects WHERE name = 'default'")
    await conn.close()
    return ProjectId(found)


async def _user(conn: Connection) -> UserId:
    return UserId(await conn.fetchval("SELECT user_id FROM users WHERE external_id = $1", USER))


def _table(rates: dict[str, float], count: int, file: Path) -> Table:
    rows = [{"way": name, "memories_per_s": round(rate)} for name, rate in rates.items()]
    megabytes = file.stat().st_size / 2**20
    note = f"{count:,} memories, {megabytes:.0f} MB of NDJSON; processes from start to end."
    return Table("A file of memories", rows, [note])


def _claims(rates: dict[str, float]) -> list[Claim]:
    def share(peer: str) -> Ratio:
        found = rates[INGEST] / rates[peer]
        return Ratio(found, found, found)

    return [
        Claim(f"ingest, its rate to {INSERT}", share(INSERT), "times", ""),
        Claim(f"ingest, its rate to {COPY}", share(COPY), "times", ""),
    ]
