"""Judging a pool: points for every candidate, the ranking, and how sure one may be of the best."""

import math
from collections.abc import Set

import msgspec
import numpy as np

from app.ids import MemoryId
from app.recall.features import Question, features, words_share
from app.recall.pool import Pool
from app.recall.score import confidence, weighed
from app.recall.types import ArmSignal, Asked, Why

DIGITS = 4


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A rank counts from 1 and is None where the other arm, or a neighbour, proposed it."""

    memory_id: MemoryId
    score: float
    words: float
    words_rank: int | None
    vector: float | None
    vector_rank: int | None
    points: dict[str, float]
    behind: float = 0.0
    """Of the best: as many points."""
    rerank: ArmSignal | None = None


class Judged(msgspec.Struct, frozen=True):
    """All candidates, the best first; of two equals the newer."""

    ranking: list[Candidate]
    confidence: float
    """The probability that anything here fits the query."""

    def best(self, asked: Asked) -> list[Candidate]:
        return [
            one
            for one in self.ranking[: asked.limit]
            if self.why_not(one, asked) is None and one.behind <= asked.behind_max
        ]

    def put_behind(self, paraphrases: Set[MemoryId], most: int) -> "Judged":
        """Those of the first `most` that say what a better one says come after the others."""
        head = sorted(self.ranking[:most], key=lambda one: one.memory_id in paraphrases)
        return Judged(head + self.ranking[most:], self.confidence)

    def why_not(self, one: Candidate, asked: Asked) -> Why | None:
        """Why it is left out, but for its place."""
        if self.confidence < asked.fits_min:
            return "nothing_fits"
        return "min_score" if one.score < asked.min_score else None


def judge(pool: Pool, question: Question) -> Judged:
    if not len(pool):
        return Judged([], 0.0)
    columns = weighed(features(pool, question))
    points = np.sum(list(columns.values()), axis=0)
    sure = confidence(pool, question)
    words = words_share(pool) * pool.terms.ideal
    # Rows are in the order of ids, which are in that of time.
    rows = np.lexsort((-np.arange(len(pool)), -points))
    ranking = [
        Candidate(
            memory_id=pool.ids[row],
            score=score(sure, float(points[row] - points[rows[0]])),
            words=float(words[row]),
            words_rank=pool.words_ranks.get(pool.ids[row]),
            vector=None if np.isnan(pool.own[row]) else float(pool.own[row]),
            vector_rank=pool.vector_ranks.get(pool.ids[row]),
            points={name: float(column[row]) for name, column in columns.items()},
            behind=float(points[rows[0]] - points[row]),
        )
        for row in rows
    ]
    return Judged(ranking, sure)


def score(sure: float, behind: float) -> float:
    """Of a candidate that is so many points behind the best: exp(points) are odds."""
    odds = sure / (1 - sure) * math.exp(behind)
    return round(odds / (1 + odds), DIGITS)
