"""Streams against a bare pass-through: events a second, and the time added to the first token.

The engine says a long answer as fast as it is read, at several events a write; for the first token
it pauses after its first write, as an engine does that has to think.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from tests.bench.calls import asker, asking
from tests.bench.client import connect
from tests.bench.measure import Progress, Samples, Way, difference, interleave, percentile, ratio
from tests.bench.options import Options
from tests.bench.report import Claim, Findings, Table, at_least
from tests.bench.world import World

DELTAS = (10_000, 1_000)
CHUNKS = (1, 10, 100)
ALONE = "engine alone"
PEER = "bare pass-through"
OURS = {"store: false": {"store": False}, "stored": {"memory": False}}
FIRST_TOKEN = {"deltas": 20, "chunk": 10, "every_seconds": 0.005}


async def run(world: World, options: Options, progress: Progress) -> Findings:
    findings = Findings("streaming")
    for deltas in DELTAS:
        for chunk in CHUNKS:
            progress(f"{deltas:,} deltas, {chunk} events a chunk")
            calls = max(4, options.calls // 5)
            samples = await _measure(world, options, progress, calls, deltas=deltas, chunk=chunk)
            findings.tables.append(_table(samples, deltas, chunk))
            findings.claims += [_rate(samples, name, deltas, chunk) for name in OURS]
    progress("the first token")
    samples = await _measure(world, options, progress, options.calls, **FIRST_TOKEN)
    findings.tables.append(_first_token_table(samples))
    findings.claims += [_first_token(samples, name) for name in OURS]
    return findings


async def _measure(
    world: World, options: Options, progress: Progress, calls: int, **stream: Any
) -> dict[str, Samples]:
    peer, ours = f"{world.peer_url}/v1/responses", f"{world.url}/responses"
    makers = {
        ALONE: _maker(f"{world.engine_url}/responses", "", **stream),
        PEER: _maker(peer, "", **stream),
        **{name: _maker(ours, world.key, **stream, **more) for name, more in OURS.items()},
    }
    async with AsyncExitStack() as stack:
        ways: dict[str, Way] = {}
        for name, (url, make) in makers.items():
            connection = await connect(url)
            stack.callback(connection.close)
            ways[name] = asking(connection, make)
        return await interleave(ways, rounds=options.rounds, calls=calls, progress=progress)


def _maker(url: str, key: str, **fields: Any) -> tuple[str, Callable[[], bytes]]:
    return url, asker(url, key, stream=True, **fields)


def _rate(samples: dict[str, Samples], name: str, deltas: int, chunk: int) -> Claim:
    return at_least(
        f"events a second, {deltas:,} at {chunk} a chunk, {name}, to the pass-through's",
        ratio(samples[PEER].medians(), samples[name].medians()),
        0.8,
    )


def _first_token(samples: dict[str, Samples], name: str) -> Claim:
    """Beside what the pass-through adds, which is no aim of its own."""
    added = difference(samples[name].medians("first"), samples[ALONE].medians("first"))
    peer = difference(samples[PEER].medians("first"), samples[ALONE].medians("first"))
    aim = f"the pass-through's: {peer}"
    return Claim(f"added to the first token, {name}", added, "ms", aim)


def _first_token_table(samples: dict[str, Samples]) -> Table:
    rows = [
        {
            "way": name,
            "p10_ms": percentile(sampled.firsts, 10),
            "p50_ms": percentile(sampled.firsts, 50),
            "p95_ms": percentile(sampled.firsts, 95),
        }
        for name, sampled in samples.items()
    ]
    return Table("Time to the first token, of an engine that pauses after it", rows)


def _table(samples: dict[str, Samples], deltas: int, chunk: int) -> Table:
    rows = [
        {
            "way": name,
            "p10_ms": percentile(sampled.totals, 10),
            "p50_ms": percentile(sampled.totals, 50),
            "p95_ms": percentile(sampled.totals, 95),
            "events_per_s": 1000 * deltas / percentile(sampled.totals, 50),
            "us_an_event": 1000 * percentile(sampled.totals, 50) / deltas,
        }
        for name, sampled in samples.items()
    ]
    return Table(f"A stream of {deltas:,} deltas, {chunk} events a chunk", rows)
