"""Time added to an engine call, and calls a second: against the engine alone and a pass-through."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import psutil

from tests.bench.added_time_report import (
    ALONE,
    CONNECTIONS,
    PASS_THROUGH,
    REMEMBERED,
    STORE_FALSE,
    STORED,
    added_claims,
    added_table,
    load_claims,
    load_table,
)
from tests.bench.bare_sql import COMMIT, bare_connection, committing
from tests.bench.calls import asker, asking
from tests.bench.client import connect
from tests.bench.load import Load, put_under_load
from tests.bench.measure import Progress, Samples, Way, interleave
from tests.bench.options import Options
from tests.bench.report import Findings
from tests.bench.world import World

REMEMBERING_ROUNDS = 2
SHAPES = {"stream": True, "whole": False}

Makers = dict[str, tuple[str, Callable[[], bytes]]]
"""By name: where a way connects, and what makes its requests."""


async def run(world: World, options: Options, progress: Progress) -> Findings:
    progress("one call at a time")
    async with bare_connection(world) as conn:
        limit = {COMMIT: committing(conn)}
        samples = await _one_at_a_time(_without_remembering(world), options, progress, limit)
    progress("one call at a time, remembering")
    remembering = {ALONE: _alone(world), **_ours(world, REMEMBERED)}
    remembered = await _one_at_a_time(remembering, options, progress)
    left = sum((await world.backlog()).values())
    await world.until_idle()
    loads = await _under_load(world, _without_remembering(world), options, progress)
    loads_remembered, drained = await _under_load_remembering(world, options, progress)
    return Findings(
        "added_time",
        [
            added_table(samples, "Time added to a call, one at a time"),
            added_table(remembered, "The same while turns become memories", _left(left)),
            load_table({**loads, **loads_remembered}, drained),
        ],
        [*added_claims(samples), *added_claims(remembered), *load_claims(loads)],
    )


# The ways


def _without_remembering(world: World) -> Makers:
    return {
        ALONE: _alone(world),
        **_pass_through(world),
        **_ours(world, STORE_FALSE, store=False),
        **_ours(world, STORED, memory=False),
    }


def _alone(world: World) -> tuple[str, Callable[[], bytes]]:
    url = f"{world.engine_url}/responses"
    return url, asker(url, stream=True)


def _pass_through(world: World) -> Makers:
    stream, whole = f"{world.peer_url}/v1/responses", f"{world.peer_url}/v1/whole"
    return {
        f"{PASS_THROUGH}, stream": (stream, asker(stream, stream=True)),
        f"{PASS_THROUGH}, whole": (whole, asker(whole, stream=True)),
    }


def _ours(world: World, name: str, **fields: Any) -> Makers:
    url = f"{world.url}/responses"
    return {
        f"{name}, {shape}": (url, asker(url, world.key, stream=stream, **fields))
        for shape, stream in SHAPES.items()
    }


# Measuring


async def _one_at_a_time(
    makers: Makers,
    options: Options,
    progress: Progress,
    beside: Mapping[str, Way] | None = None,
) -> dict[str, Samples]:
    async with AsyncExitStack() as stack:
        ways = dict(beside or {})
        for name, (url, make) in makers.items():
            connection = await connect(url)
            stack.callback(connection.close)
            ways[name] = asking(connection, make)
        return await interleave(ways, rounds=options.rounds, calls=options.calls, progress=progress)


async def _under_load(
    world: World, makers: Makers, options: Options, progress: Progress
) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {name: [] for name in makers}
    for round_ in range(_load_rounds(options)):
        progress(f"{CONNECTIONS} connections, round {round_ + 1} of {_load_rounds(options)}")
        for name, (url, make) in makers.items():
            loads[name].append(await _load(world, url, make, options))
    return loads


async def _under_load_remembering(
    world: World, options: Options, progress: Progress
) -> tuple[dict[str, list[Load]], list[str]]:
    """What waits at the end of a round is worked off before the next begins."""
    makers = _ours(world, REMEMBERED)
    loads: dict[str, list[Load]] = {name: [] for name in makers}
    drained = []
    for round_ in range(REMEMBERING_ROUNDS):
        for name, (url, make) in makers.items():
            progress(f"remembering, round {round_ + 1} of {REMEMBERING_ROUNDS}")
            loads[name].append(await _load(world, url, make, options))
            left = await world.backlog()
            drained.append(f"{_left(left)} {await world.until_idle():.1f} s later none.")
    return loads, drained


async def _load(world: World, url: str, make: Callable[[], bytes], options: Options) -> Load:
    return await put_under_load(
        url,
        make,
        connections=CONNECTIONS,
        seconds=options.load_seconds,
        watched=_watched(world, url),
    )


def _watched(world: World, url: str) -> psutil.Process | None:
    if url.startswith(world.url):
        return world.worker
    return world.peer_worker if url.startswith(world.peer_url) else None


def _load_rounds(options: Options) -> int:
    return 2 if options.quick else 4


def _left(left: Mapping[str, int] | int) -> str:
    if isinstance(left, int):
        return f"Jobs that waited at the end: {left:,}."
    jobs = ", ".join(f"{count:,} {topic}" for topic, count in left.items()) or "none"
    return f"Jobs that waited at the end: {jobs};"
