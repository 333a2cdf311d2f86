"""What `walls` found, as tables and claims."""

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.bench.measure import Ratio, Samples, difference, percentile, ratio, shown
from tests.bench.report import Claim, Table
from tests.bench.work import Work

ALONE = "engine alone"
UNSET, SET = "an empty transaction", "an empty transaction of a project"
WALLS, NO_WALLS = "walls", "no walls"
LIMIT, NO_LIMIT, SELDOM = "limit", "no limit", "limit, seldom"
CALLS: dict[str, dict[str, Any]] = {
    "call, store: false": {"stream": True, "store": False},
    "call, stored": {"stream": True, "memory": False},
}
HITS: dict[str, dict[str, Any]] = {
    "hit, store: false": {"store": False},
    "hit, stored": {"memory": False},
}

Figures = Callable[[str], list[float]]
"""Of a way, by round."""


class Cost(NamedTuple):
    """Of what, with and without something, in a figure of its own."""

    kind: str
    figures: Figures

    def of_walls(self, limit: str) -> Ratio:
        return self._ratio((WALLS, limit), (NO_WALLS, limit))

    def of_limit(self, limit: str = LIMIT) -> Ratio:
        return self._ratio((WALLS, limit), (WALLS, NO_LIMIT))

    def of_both(self) -> Ratio:
        return self._ratio((WALLS, LIMIT), (NO_WALLS, NO_LIMIT))

    def _ratio(self, one: tuple[str, str], other: tuple[str, str]) -> Ratio:
        return ratio(*(self.figures(way(self.kind, *of)) for of in (one, other)))


def way(kind: str, service: str, limit: str) -> str:
    return f"{kind}, {service}, {limit}"


def times_table(samples: dict[str, Samples]) -> Table:
    alone = samples[ALONE].medians()
    rows: list[dict[str, Any]] = [
        {
            "way": name,
            "p10_ms": percentile(sampled.totals, 10),
            "p50_ms": percentile(sampled.totals, 50),
            "p99_ms": percentile(sampled.totals, 99),
            "added_p50_ms": difference(sampled.medians(), alone) if "call" in name else None,
        }
        for name, sampled in samples.items()
    ]
    notes = [
        "Without walls: no table has row security; the project is still set, at no round trip."
    ]
    return Table("With and without walls and limits, one at a time", rows, notes)


def works_table(works: dict[str, list[Work]]) -> Table:
    rows: list[dict[str, Any]] = [
        {
            "way": name,
            **{
                field: shown(statistics.median(getattr(work, field) for work in of_way))
                for field in Work._fields
            },
        }
        for name, of_way in works.items()
    ]
    notes = [
        "Medians of the rounds. With what is done beside calls: request rows are written in",
        "batches, the outbox is looked into ten times a second, leases are given back.",
    ]
    return Table("What a call makes the service do", rows, notes)


def costs_tables(samples: dict[str, Samples], works: dict[str, list[Work]]) -> list[Table]:
    of_time = _costs_table("What they cost: time, with them to without", _time_costs(samples))
    setting = ratio(samples[SET].medians(), samples[UNSET].medians())
    for row, cost in zip(of_time.rows, _time_costs(samples), strict=True):
        row["limit_seldom"] = cost.of_limit(SELDOM)
    of_time.rows.append({"what": "setting project and user", "walls": setting})
    of_time.notes += [
        "Of a call: the time added to the engine's own. Of a hit: all of it.",
        "Seldom: no key calls while anything is leased of its limits, so that each call asks.",
    ]
    of_work = _costs_table(
        "What they cost: processor time, with them to without", _work_costs(works)
    )
    of_work.notes.append("Of the worker and its Postgres together.")
    return [of_time, of_work]


def claims(samples: dict[str, Samples], works: dict[str, list[Work]]) -> list[Claim]:
    """No aim stands for them."""
    seldom = [
        Claim(f"{cost.kind}, a limit to none, seldom, time", cost.of_limit(SELDOM), "times", "")
        for cost in _time_costs(samples)
    ]
    return seldom + [
        Claim(f"{cost.kind}, {what}, {figure}", found, "times", "")
        for figure, costs in (
            ("time", _time_costs(samples)),
            ("processor time", _work_costs(works)),
        )
        for cost in costs
        for what, found in (
            ("walls to none", cost.of_walls(NO_LIMIT)),
            ("a limit to none", cost.of_limit()),
        )
    ]


def _costs_table(title: str, costs: list[Cost]) -> Table:
    rows: list[dict[str, Any]] = [
        {
            "what": cost.kind,
            "walls": cost.of_walls(NO_LIMIT),
            "walls_with_limit": cost.of_walls(LIMIT),
            "limit": cost.of_limit(),
            "both": cost.of_both(),
        }
        for cost in costs
    ]
    return Table(title, rows)


def _time_costs(samples: dict[str, Samples]) -> list[Cost]:
    alone = samples[ALONE].medians()

    def added(name: str) -> list[float]:
        return [a - b for a, b in zip(samples[name].medians(), alone, strict=True)]

    def whole(name: str) -> list[float]:
        return samples[name].medians()

    return [*(Cost(kind, added) for kind in CALLS), *(Cost(kind, whole) for kind in HITS)]


def _work_costs(works: dict[str, list[Work]]) -> list[Cost]:
    def cpu_ms(name: str) -> list[float]:
        return [work.cpu_ms for work in works[name]]

    return [Cost(kind, cpu_ms) for kind in (*CALLS, *HITS)]
