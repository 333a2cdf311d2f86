"""What calls make a service do: the processor time that it takes, the statements that it sends.

Noise changes them least: other programs take time from a call, and add none to its work.
"""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
import psutil

from app.db.sql import Connection
from tests.bench.measure import Progress, Way

COUNTED = """
    SELECT coalesce(sum(calls) FILTER (WHERE query = 'BEGIN'), 0)::float AS transactions,
           coalesce(sum(calls) FILTER (
               WHERE query NOT IN ('BEGIN', 'COMMIT', 'ROLLBACK') AND query NOT LIKE 'SET %'
           ), 0)::float AS statements
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND userid = 'backstory_service'::regrole
"""
BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'backstory_service'
"""


class Work(NamedTuple):
    """Of one call, with what the service does beside it anyway."""

    worker_cpu_ms: float
    postgres_cpu_ms: float
    transactions: float
    statements: float

    @property
    def cpu_ms(self) -> float:
        return self.worker_cpu_ms + self.postgres_cpu_ms


class _Total(NamedTuple):
    worker_ms: float
    backends_ms: dict[int, float]
    transactions: float
    statements: float


class Watch:
    """Made by `open_watch`, of one worker and its database."""

    def __init__(self, worker: psutil.Process, conn: Connection) -> None:
        self._worker = worker
        self._conn = conn

    async def work(self, way: Way, calls: int) -> Work:
        before = await self._total()
        for _ in range(calls):
            await way()
        after = await self._total()
        postgres = sum(
            spent - before.backends_ms.get(pid, 0.0) for pid, spent in after.backends_ms.items()
        )
        return Work(
            (after.worker_ms - before.worker_ms) / calls,
            postgres / calls,
            (after.transactions - before.transactions) / calls,
            (after.statements - before.statements) / calls,
        )

    async def _total(self) -> _Total:
        pids = [row["pid"] for row in await self._conn.fetch(BACKENDS)]
        counted = await self._conn.fetchrow(COUNTED)
        assert counted
        return _Total(
            _cpu_ms(self._worker),
            {pid: _cpu_ms(psutil.Process(pid)) for pid in pids},
            *counted,
        )


@asynccontextmanager
async def open_watch(worker: psutil.Process, superuser_url: str) -> AsyncIterator[Watch]:
    conn = await asyncpg.connect(superuser_url)
    try:
        yield Watch(worker, conn)
    finally:
        await conn.close()


async def in_blocks(
    ways: Mapping[str, tuple[Watch, Way]],
    *,
    rounds: int,
    calls: int,
    progress: Progress,
    seed: int = 7,
) -> dict[str, list[Work]]:
    """Each way's calls one after another, in each round in an order drawn anew."""
    drawn = random.Random(seed)
    works: dict[str, list[Work]] = {name: [] for name in ways}
    order = list(ways)
    for round_ in range(rounds):
        progress(f"work, round {round_ + 1} of {rounds}")
        drawn.shuffle(order)
        for name in order:
            watch, way = ways[name]
            works[name].append(await watch.work(way, calls))
    return works


def _cpu_ms(process: psutil.Process) -> float:
    """To the nanosecond where Linux tells it of each thread; elsewhere in steps of 10 ms."""
    threads = [*Path(f"/proc/{process.pid}/task").glob("*/schedstat")]
    if threads:
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6
    spent = process.cpu_times()
    return 1000 * float(spent.user + spent.system)
