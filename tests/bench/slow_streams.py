"""Memory of a worker that holds a thousand slow streams, against a bare pass-through of them.

Each stream is asked for by a client of its own, and says an event every half second. The worker is
new for each way, and has answered a few calls before: what it needs once is not counted. Measured
when every client has had so many events; then all streams are read to their end.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import psutil

from tests.bench.calls import asker
from tests.bench.client import connect
from tests.bench.measure import Progress, spread
from tests.bench.options import Options
from tests.bench.report import Claim, Findings, Table, at_most
from tests.bench.world import World

STREAMS = 1_000
EVENTS = 20
DELTAS = 40
EVERY_SECONDS = 0.5
WARM_CALLS = 50
KB = 1024
PEER = "bare pass-through"
OURS = {"store: false": {"store": False}, "stored": {"memory": False}}
KB_MAX = 100.0

Row = dict[str, str | float]


async def run(world: World, options: Options, progress: Progress) -> Findings:
    peer = await _peer(world, progress)
    ours = [await _ours(world, name, progress) for name in OURS]
    return Findings("slow_streams", [_table([peer, *ours])], [_claim(row) for row in ours])


async def _peer(world: World, progress: Progress) -> Row:
    url = f"{world.peer_url}/v1/responses"
    await _warm_up(url, asker(url, stream=True))
    progress(PEER)
    return await _hold(PEER, url, _slow_asker(url), world.peer_worker)


async def _ours(world: World, name: str, progress: Progress) -> Row:
    world.restart()
    await world.until_loaded()
    url, fields = f"{world.url}/responses", OURS[name]
    await _warm_up(url, asker(url, world.key, stream=True, **fields))
    progress(name)
    return await _hold(name, url, _slow_asker(url, world.key, **fields), world.worker)


def _slow_asker(url: str, key: str = "", **fields: Any) -> Callable[[], bytes]:
    return asker(
        url, key, deltas=DELTAS, chunk=1, every_seconds=EVERY_SECONDS, stream=True, **fields
    )


async def _warm_up(url: str, make: Callable[[], bytes]) -> None:
    connection = await connect(url)
    for _ in range(WARM_CALLS):
        await connection.send(make())
    connection.close()


async def _hold(name: str, url: str, make: Callable[[], bytes], worker: psutil.Process) -> Row:
    before = worker.memory_info().rss
    connections = await asyncio.gather(*(connect(url) for _ in range(STREAMS)))
    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(connection.send(make()))
        for connection in connections:
            await connection.until_received(b"event: ", EVENTS)
        held = worker.memory_info().rss
    for connection in connections:
        connection.close()
    return {
        "way": name,
        "before_mb": before / KB**2,
        "with_streams_mb": held / KB**2,
        "kb_each": (held - before) / STREAMS / KB,
    }


def _claim(row: Row) -> Claim:
    each = spread([float(row["kb_each"])])
    return at_most(f"memory of a slow stream, {row['way']}", each, KB_MAX, "KB")


def _table(rows: list[Row]) -> Table:
    each = f"At least {EVENTS} events had come of each, one every {EVERY_SECONDS:g} s."
    return Table(f"A worker with {STREAMS:,} slow streams", [dict(row) for row in rows], [each])
