"""Load: so many connections, each asking again as soon as it is answered."""

import asyncio
import time
from collections.abc import Callable

import msgspec
import psutil

from tests.bench.client import Connection, connect
from tests.bench.measure import percentile

MakeRequest = Callable[[], bytes]


class Load(msgspec.Struct, frozen=True):
    """What came of it; `cpu_ms` is what the watched process spent on each request."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


async def put_under_load(
    url: str,
    make_request: MakeRequest,
    *,
    connections: int,
    seconds: float,
    watched: psutil.Process | None = None,
) -> Load:
    """Raises where an answer failed. Requests begun in time are waited for and counted."""
    opened = await asyncio.gather(*(connect(url) for _ in range(connections)))
    before, began = _cpu_seconds(watched), time.perf_counter()
    times: list[float] = []
    try:
        async with asyncio.TaskGroup() as group:
            for connection in opened:
                group.create_task(_ask_on(connection, make_request, began + seconds, times))
    finally:
        for connection in opened:
            connection.close()
    took, spent = time.perf_counter() - began, _cpu_seconds(watched) - before
    return Load(
        len(times) / took,
        percentile(times, 50),
        percentile(times, 99),
        1000 * spent / len(times),
    )


async def _ask_on(
    connection: Connection, make_request: MakeRequest, until: float, times: list[float]
) -> None:
    while time.perf_counter() < until:
        reply = await connection.send(make_request())
        times.append(reply.timing.total)


def _cpu_seconds(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    spent = process.cpu_times()
    return float(spent.user + spent.system)
