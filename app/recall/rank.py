"""Ranking, without a database: the weights of terms, the fusion of arms, what neighbours lend.

Words are scored by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond", 2009) with the idf of Lucene, which is never negative. A BM25 score is divided by the most
that the query could reach here (every term, as often as one likes), so that it is a share from 0
to 1 that does not depend on the other candidates; a cosine is one already. The two are added with
fixed weights: a convex combination with theoretical bounds, which Bruch, Gai and Ingber ("An
Analysis of Fusion Functions for Hybrid Retrieval", 2023) found better and steadier than
reciprocal ranks, and which gives a score that a floor can be set for.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from app.ids import MemoryId
from app.recall.types import Neighbour, ScopeSize, Scored, TermCount, VectorScored

K1 = 1.2
B = 0.6

TERMS_MAX = 32
POSTINGS_MAX = 200_000
"""Postings read for a query: the commonest terms of a long one are left out."""

VECTOR_WEIGHT = 0.7
"""Of a cosine, against 1 for the share of BM25."""

LENT = (0.5, 0.3)
"""What the better neighbour at distance 1, 2 adds of its own score."""

LENT_MAX = sum(LENT)
LENT_TO_LONELY = 0.5
"""A memory that stands alone is treated as if its neighbours were half as good as itself."""


class Terms(msgspec.Struct, frozen=True):
    """The terms of a query that are searched for.

    A weight is idf * (k1 + 1), what a term can add at most; `ideal` is the sum of them.
    """

    terms: list[str]
    weights: list[float]
    ideal: float
    words_mean: float


class Candidate(msgspec.Struct):
    """A rank counts from 1 and is None where the other arm, or a neighbour, proposed it."""

    memory_id: MemoryId
    words: float = 0.0
    words_rank: int | None = None
    vector: float | None = None
    window: float | None = None
    vector_rank: int | None = None
    own: float = 0.0
    lent: float = 0.0

    @property
    def score(self) -> float:
        """From 0 to 1, and 1 only where the neighbours are as good."""
        return (self.own + self.lent) / (1 + LENT_MAX)


Pool = dict[MemoryId, Candidate]


def weigh_terms(counts: Sequence[TermCount], size: ScopeSize) -> Terms:
    """From counts in order of rarity: the rarest, as many as may be read."""
    chosen: list[TermCount] = []
    postings = 0
    for count in counts[:TERMS_MAX]:
        postings += count.memories
        if chosen and postings > POSTINGS_MAX:
            break
        chosen.append(count)
    weights = [idf(size.memories, count.memories) * (K1 + 1) for count in chosen]
    terms = [count.term for count in chosen]
    return Terms(terms, weights, sum(weights), max(size.words_mean, 1.0))


def idf(memories: int, having: int) -> float:
    """How much a term tells that `having` of `memories` memories have."""
    having = min(having, memories)
    return math.log(1 + (memories - having + 0.5) / (having + 0.5))


def pool_of(by_words: Sequence[Scored], by_vector: Sequence[VectorScored]) -> Pool:
    """The union of what both arms propose."""
    pool: Pool = {}
    for rank, found in enumerate(by_words, 1):
        candidate = _in(pool, found.memory_id)
        candidate.words, candidate.words_rank = found.score, rank
    for rank, near in enumerate(by_vector, 1):
        candidate = _in(pool, near.memory_id)
        candidate.vector, candidate.vector_rank = near.own, rank
        candidate.window = near.window
    return pool


def add_words(pool: Pool, scores: Iterable[Scored]) -> None:
    for found in scores:
        _in(pool, found.memory_id).words = found.score


def add_vectors(pool: Pool, scores: Iterable[VectorScored]) -> None:
    for found in scores:
        candidate = _in(pool, found.memory_id)
        candidate.vector, candidate.window = found.own, found.window


def add_neighbours(pool: Pool, neighbours: Iterable[Neighbour]) -> None:
    for near in neighbours:
        _in(pool, near.memory_id)


def choose_seeds(pool: Pool, terms: Terms, *, words_complete: bool, most: int) -> list[MemoryId]:
    """The most promising so far: what an arm has not proposed cannot be above its last."""
    ranked = [c.words for c in pool.values() if c.words_rank is not None]
    words_floor = min(ranked, default=0.0) if not words_complete else 0.0
    vector_floor = min((c.vector for c in pool.values() if c.vector is not None), default=0.0)

    def promise(candidate: Candidate) -> float:
        words = words_floor if candidate.words_rank is None else candidate.words
        vector = vector_floor if candidate.vector is None else candidate.vector
        return fused(words, vector, terms)

    ordered = sorted(pool.values(), key=lambda c: (promise(c), c.memory_id), reverse=True)
    return [candidate.memory_id for candidate in ordered[:most]]


def fuse(pool: Pool, terms: Terms) -> None:
    """Each candidate's own score."""
    for candidate in pool.values():
        candidate.own = fused(candidate.words, candidate.vector or 0.0, terms)


def fused(words: float, cosine: float, terms: Terms) -> float:
    share = words / terms.ideal if terms.terms else 0.0
    return (share + VECTOR_WEIGHT * max(cosine, 0.0)) / (1 + VECTOR_WEIGHT)


def lend(pool: Pool, seeds: Sequence[MemoryId], neighbours: Iterable[Neighbour]) -> None:
    """Neighbours lend to each other: evidence often stands beside the words that find it."""
    best: dict[tuple[MemoryId, int], float] = {}
    for near in neighbours:
        for borrower, lender in (
            (near.memory_id, near.seed_id),
            (near.seed_id, near.memory_id),
        ):
            key = (borrower, near.distance)
            best[key] = max(best.get(key, 0.0), pool[lender].own)
    for (borrower, distance), own in best.items():
        pool[borrower].lent += LENT[distance - 1] * own
    for seed in seeds:
        if pool[seed].lent == 0:
            pool[seed].lent = LENT_TO_LONELY * LENT_MAX * pool[seed].own


def best_of(pool: Pool, most: int) -> list[Candidate]:
    """The best first; the newer of two equals."""
    ordered = sorted(pool.values(), key=lambda c: (c.score, c.memory_id), reverse=True)
    return ordered[:most]


def _in(pool: Pool, memory_id: MemoryId) -> Candidate:
    return pool.setdefault(memory_id, Candidate(memory_id))
