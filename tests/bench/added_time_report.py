"""What was found of the time added to a call, as tables and claims."""

from typing import Any

from tests.bench import references
from tests.bench.bare_sql import COMMIT
from tests.bench.calls import DELTAS, EVENTS_AT_ONCE
from tests.bench.load import Load
from tests.bench.measure import Ratio, Samples, difference, percentile, ratio, spread
from tests.bench.report import Claim, Table, at_least, at_most

CONNECTIONS = 32
ALONE = "engine alone"
PASS_THROUGH = "bare pass-through"
STORE_FALSE = "store: false"
STORED = "stored"
REMEMBERED = "stored and remembered"
PUBLISHED = "LiteLLM proxy (published)"

TIMES_LITELLM = {STORE_FALSE: 15, STORED: 8}
"""How many times its calls a second we aim at."""


def added_table(samples: dict[str, Samples], title: str, *notes: str) -> Table:
    alone = samples[ALONE]
    rows: list[dict[str, Any]] = [
        {
            "way": name,
            "p10_ms": percentile(sampled.totals, 10),
            "p50_ms": percentile(sampled.totals, 50),
            "p95_ms": percentile(sampled.totals, 95),
            "first_byte_p50_ms": percentile(sampled.firsts, 50) or None,
            **({} if name in (ALONE, COMMIT) else _added(sampled, alone)),
        }
        for name, sampled in samples.items()
    ]
    rows.append({"way": PUBLISHED, "added_p50_ms": references.LITELLM_ADDED_MS})
    answer = f"An answer is {DELTAS} deltas, {EVENTS_AT_ONCE} events a write, without delay."
    if COMMIT in samples:
        notes = ("A commit by bare SQL is the least that storing a call can cost.", *notes)
    return Table(title, rows, [answer, f"LiteLLM: {references.SOURCE}.", *notes])


def _added(sampled: Samples, alone: Samples) -> dict[str, Ratio]:
    return {
        "added_p50_ms": difference(sampled.medians(), alone.medians()),
        "added_to_first_ms": difference(sampled.medians("first"), alone.medians("first")),
    }


def load_table(loads: dict[str, list[Load]], drained: list[str]) -> Table:
    known = references.LITELLM_REQUESTS_PER_SECOND
    rows: list[dict[str, Any]] = [
        {
            "way": name,
            "calls_per_s": spread(_rates(rounds)),
            "to_pass_through": _to_pass_through(name, loads)
            if _kind(name) in TIMES_LITELLM
            else None,
            "p50_ms": spread([load.p50_ms for load in rounds]).middle,
            "p99_ms": spread([load.p99_ms for load in rounds]).middle,
            "worker_cpu_ms_a_call": spread([load.cpu_ms for load in rounds]).middle or None,
        }
        for name, rounds in loads.items()
    ]
    rows.append({"way": PUBLISHED, "calls_per_s": f"{known['stream']:.0f} to {known['whole']:.0f}"})
    notes = [
        f"{CONNECTIONS} connections, one worker; client, engine and Postgres share its cores.",
        f"LiteLLM: {references.SOURCE}.",
    ]
    return Table("Calls a second", rows, [*notes, *drained])


def added_claims(samples: dict[str, Samples]) -> list[Claim]:
    """No aim stands for what is added while remembering: the embedder takes all cores."""
    claims = []
    for name, sampled in samples.items():
        added = difference(sampled.medians(), samples[ALONE].medians())
        if _kind(name) == REMEMBERED:
            claims.append(Claim(f"added to a call, {name}", added, "ms", ""))
        elif _kind(name) in TIMES_LITELLM:
            most = references.LITELLM_ADDED_MS / 10
            claims.append(at_most(f"added to a call, {name}", added, most, "ms"))
            claims.append(_added_to_pass_through(name, samples))
    return claims


def _added_to_pass_through(name: str, samples: dict[str, Samples]) -> Claim:
    alone, shape = samples[ALONE].medians(), _shape(name)
    peer = samples[f"{PASS_THROUGH}, {shape}"].medians()
    found = ratio(_less(samples[name].medians(), alone), _less(peer, alone))
    most = references.litellm_added_to_pass_through(shape) / 10
    return at_most(f"added to a call, {name}, to the pass-through's", found, most)


def _less(values: list[float], others: list[float]) -> list[float]:
    return [a - b for a, b in zip(values, others, strict=True)]


def load_claims(loads: dict[str, list[Load]]) -> list[Claim]:
    """To the pass-through of this run, as LiteLLM was to it where both were measured."""
    claims = []
    for name in loads:
        if times := TIMES_LITELLM.get(_kind(name)):
            least = times * references.litellm_calls_to_pass_through(_shape(name))
            found = _to_pass_through(name, loads)
            claims.append(at_least(f"calls a second, {name}, to the pass-through's", found, least))
    return claims


def _to_pass_through(name: str, loads: dict[str, list[Load]]) -> Ratio:
    return ratio(_rates(loads[name]), _rates(loads[f"{PASS_THROUGH}, {_shape(name)}"]))


def _rates(rounds: list[Load]) -> list[float]:
    return [load.requests_per_second for load in rounds]


def _kind(name: str) -> str:
    return name.partition(", ")[0]


def _shape(name: str) -> str:
    return name.partition(", ")[2]
