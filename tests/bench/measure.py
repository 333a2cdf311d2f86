"""Measuring ways of doing a thing against each other, interleaved so that noise hits all alike."""

import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

Progress = Callable[[str], None]


class Timing(NamedTuple):
    """Milliseconds from the first byte sent: until all had come, until the first had come."""

    total: float
    first: float = 0.0


Way = Callable[[], Awaitable[Timing]]


class Ratio(msgspec.Struct, frozen=True):
    """The median over the rounds of a run, and the lowest and highest round."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{shown(self.middle)} ({shown(self.low)} to {shown(self.high)})"


class Samples:
    """One way's times, by round, in milliseconds."""

    def __init__(self) -> None:
        self.rounds: list[list[Timing]] = []

    @property
    def totals(self) -> list[float]:
        return [timing.total for round_ in self.rounds for timing in round_]

    @property
    def firsts(self) -> list[float]:
        return [timing.first for round_ in self.rounds for timing in round_]

    def medians(self, field: str = "total") -> list[float]:
        """Of each round."""
        return [statistics.median(getattr(t, field) for t in round_) for round_ in self.rounds]


async def interleave(
    ways: Mapping[str, Way], *, rounds: int, calls: int, progress: Progress, seed: int = 7
) -> dict[str, Samples]:
    """Each way `calls` times a round, one after another in an order drawn anew each time."""
    drawn = random.Random(seed)
    samples = {name: Samples() for name in ways}
    order = list(ways)
    await _warm_up(ways, calls)
    for round_ in range(rounds):
        progress(f"round {round_ + 1} of {rounds}")
        for name in order:
            samples[name].rounds.append([])
        for _ in range(calls):
            drawn.shuffle(order)
            for name in order:
                samples[name].rounds[-1].append(await ways[name]())
    return samples


async def _warm_up(ways: Mapping[str, Way], calls: int) -> None:
    for _ in range(max(3, calls // 5)):
        for way in ways.values():
            await way()


def timed(work: Callable[[], Awaitable[Any]]) -> Way:
    async def way() -> Timing:
        began = time.perf_counter()
        await work()
        return Timing((time.perf_counter() - began) * 1000)

    return way


def percentile(values: Sequence[float], percent: float) -> float:
    """By linear interpolation; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def ratio(ours: Sequence[float], peer: Sequence[float]) -> Ratio:
    """Round by round, ours over the peer's."""
    return spread([a / b for a, b in zip(ours, peer, strict=True)])


def difference(ours: Sequence[float], peer: Sequence[float]) -> Ratio:
    """Round by round, ours less the peer's."""
    return spread([a - b for a, b in zip(ours, peer, strict=True)])


def total(*parts: Sequence[float]) -> list[float]:
    """Round by round, the parts together."""
    return [sum(values) for values in zip(*parts, strict=True)]


def spread(values: Sequence[float]) -> Ratio:
    return Ratio(statistics.median(values), min(values), max(values))


def shown(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return (
        f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.2f}"
        if abs(value) >= 1
        else f"{value:.3f}"
    )
