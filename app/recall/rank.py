"""The terms of a query that are searched for, and what each of them tells.

BM25 with the idf of Lucene, which is never negative.
"""

import math
from collections.abc import Sequence

import msgspec

from app.recall.types import ScopeSize, TermCount

K1 = 1.2
B = 0.6

TERMS_MAX = 32
POSTINGS_MAX = 200_000
"""Postings read for a query: the commonest terms of a long one are left out."""


class Terms(msgspec.Struct, frozen=True):
    """The terms of a query that are searched for.

    A weight is idf * (k1 + 1), what a term can add at most; `ideal` is the sum of them.
    """

    terms: list[str]
    weights: list[float]
    ideal: float
    words_mean: float
    known: float
    """The share of the query's terms, weighed by rarity, that any memory has."""


def weigh_terms(counts: Sequence[TermCount], size: ScopeSize) -> Terms:
    """From counts in order of rarity: the rarest, as many as may be read."""
    chosen: list[TermCount] = []
    postings = 0
    used = [count for count in counts if count.memories]
    for count in used[:TERMS_MAX]:
        postings += count.memories
        if chosen and postings > POSTINGS_MAX:
            break
        chosen.append(count)
    weights = [idf(size.memories, count.memories) * (K1 + 1) for count in chosen]
    terms = [count.term for count in chosen]
    known = _known_share(used, len(counts) - len(used), size)
    return Terms(terms, weights, sum(weights), max(size.words_mean, 1.0), known)


def _known_share(used: Sequence[TermCount], unknown: int, size: ScopeSize) -> float:
    known = sum(idf(size.memories, count.memories) for count in used)
    return known / (known + unknown * idf(size.memories, 0)) if used else 0.0


def idf(memories: int, having: int) -> float:
    """How much a term tells that `having` of `memories` memories have."""
    having = min(having, memories)
    return math.log(1 + (memories - having + 0.5) / (having + 0.5))
