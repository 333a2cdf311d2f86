"""The terms of a query that are searched for, and what each of them tells.

BM25 with the idf of Lucene, which is never negative.
"""

import math
from collections.abc import Sequence

import msgspec

from app.recall.terms import Word, rarest, words_of
from app.recall.types import ScopeSize, TermCount

K1 = 1.2
B = 0.6

PRIOR_MEMORIES = 100
PRIOR_HAVING = 1
"""What is taken for granted of a word before a scope is looked at: one memory in a hundred has it.
Of one memory alone a word that it has would tell nothing, and one that it lacks all."""


class Terms(msgspec.Struct, frozen=True):
    """The terms of a query that are searched for, and the words of which they are forms.

    A word weighs idf * (k1 + 1), what it can add at most; `ideal` is the sum of them. How much it
    `tells` of whether anything fits is its idf with a prior; `all_tell` is the sum of those of all
    words of the query, known or not.
    """

    terms: list[str]
    word_of: list[int]
    """Of each term its place in `weights`."""
    weights: list[float]
    ideal: float
    words_mean: float
    tells: list[float]
    all_tell: float

    @property
    def weights_of_terms(self) -> list[float]:
        return [self.weights[word] for word in self.word_of]


def weigh_terms(counts: Sequence[TermCount], size: ScopeSize) -> Terms:
    """The rarest words, as many as may be searched for, in all forms that memories have."""
    words = words_of(counts)
    chosen = rarest(words)
    weights = [idf(size.memories, word.memories) * (K1 + 1) for word in chosen]
    return Terms(
        terms=[form for word in chosen for form in word.forms],
        word_of=[place for place, word in enumerate(chosen) for _ in word.forms],
        weights=weights,
        ideal=sum(weights),
        words_mean=max(size.words_mean, 1.0),
        tells=[_tells(size.memories, word) for word in chosen],
        all_tell=sum(_tells(size.memories, word) for word in words),
    )


def _tells(memories: int, word: Word) -> float:
    return idf(memories + PRIOR_MEMORIES, word.memories + PRIOR_HAVING)


def idf(memories: int, having: int) -> float:
    """How much a term tells that `having` of `memories` memories have."""
    having = min(having, memories)
    return math.log(1 + (memories - having + 0.5) / (having + 0.5))
