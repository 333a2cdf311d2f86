"""Events a second of a long stream, at several events a chunk, against a bare pass-through."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from tests.bench.calls import asker, asking
from tests.bench.client import connect
from tests.bench.measure import Progress, Samples, Way, interleave, percentile, ratio
from tests.bench.options import Options
from tests.bench.report import Findings, Table, at_least
from tests.bench.world import World

DELTAS = 10_000
CHUNKS = (1, 10, 100)
PEER = "bare pass-through"
OURS = {"store: false": {"store": False}, "stored": {"memory": False}}


async def run(world: World, options: Options, progress: Progress) -> Findings:
    findings = Findings("streaming")
    for chunk in CHUNKS:
        progress(f"{chunk} events a chunk")
        samples = await _measure(world, options, progress, chunk)
        findings.tables.append(_table(samples, chunk))
        findings.claims += [
            at_least(
                f"events a second at {chunk} a chunk, {name}, to the pass-through's",
                ratio(samples[PEER].medians(), samples[name].medians()),
                0.8,
            )
            for name in OURS
        ]
    return findings


async def _measure(
    world: World, options: Options, progress: Progress, chunk: int
) -> dict[str, Samples]:
    peer, ours = f"{world.peer_url}/v1/responses", f"{world.url}/responses"
    makers = {
        "engine alone": _maker(f"{world.engine_url}/responses", "", chunk),
        PEER: _maker(peer, "", chunk),
        **{name: _maker(ours, world.key, chunk, **more) for name, more in OURS.items()},
    }
    async with AsyncExitStack() as stack:
        ways: dict[str, Way] = {}
        for name, (url, make) in makers.items():
            connection = await connect(url)
            stack.callback(connection.close)
            ways[name] = asking(connection, make)
        calls = max(4, options.calls // 5)
        return await interleave(ways, rounds=options.rounds, calls=calls, progress=progress)


def _maker(url: str, key: str, chunk: int, **more: Any) -> tuple[str, Callable[[], bytes]]:
    return url, asker(url, key, deltas=DELTAS, chunk=chunk, stream=True, **more)


def _table(samples: dict[str, Samples], chunk: int) -> Table:
    rows = [
        {
            "way": name,
            "p10_ms": percentile(sampled.totals, 10),
            "p50_ms": percentile(sampled.totals, 50),
            "p95_ms": percentile(sampled.totals, 95),
            "events_per_s": 1000 * DELTAS / percentile(sampled.totals, 50),
            "us_an_event": 1000 * percentile(sampled.totals, 50) / DELTAS,
        }
        for name, sampled in samples.items()
    ]
    return Table(f"A stream of {DELTAS:,} deltas, {chunk} events a chunk", rows)
