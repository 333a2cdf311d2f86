"""How much of the evidence a ranking names, and how early."""

import statistics
from collections.abc import Callable, Iterable, Sequence

CUTS = (5, 10, 20, 50)

Metric = Callable[[Sequence[str], Sequence[str], int], float]


def coverage(ranking: Sequence[str], evidence: Sequence[str], k: int) -> float:
    """The share of the evidence among the first k turns."""
    wanted = set(evidence)
    return len(wanted & set(ranking[:k])) / len(wanted)


def any_found(ranking: Sequence[str], evidence: Sequence[str], k: int) -> float:
    return float(coverage(ranking, evidence, k) > 0)


def all_found(ranking: Sequence[str], evidence: Sequence[str], k: int) -> float:
    return float(coverage(ranking, evidence, k) == 1)


METRICS: dict[str, Metric] = {"coverage": coverage, "any": any_found, "all": all_found}


def averages(
    judged: Iterable[tuple[Sequence[str], Sequence[str]]], metrics: Sequence[str] = tuple(METRICS)
) -> dict[str, float]:
    """Over (ranking, evidence) of many questions: `coverage@5`, …, as shares of 1."""
    pairs = list(judged)
    return {
        f"{name}@{k}": statistics.fmean(
            METRICS[name](ranking, wanted, k) for ranking, wanted in pairs
        )
        for name in metrics
        for k in CUTS
    }


def once_each(names: Iterable[str]) -> list[str]:
    """Each turn where it comes first."""
    return list(dict.fromkeys(names))
