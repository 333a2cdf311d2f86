"""A summary without a language model: the sentences that the others agree with most.

LexRank (Erkan and Radev, JAIR 22, 2004): a sentence is central where central sentences are like it,
the stationary distribution of a walk over their similarities. Likeness is the cosine of their words
(tf-idf), and of the vectors that their memories have, where both have one. Chosen are central ones
that are not like those chosen already (MMR: Carbonell and Goldstein, SIGIR 1998).
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.ids import MemoryId
from app.recall.types import Vector

Matrix = NDArray[np.float64]

DAMPING = 0.15
ROUNDS = 50
RELEVANCE = 0.7
"""Against being new, where a sentence is chosen."""
WORDS_MIN = 4
SENTENCES_MAX = 1_000
"""Compared with each other; of more, the longest."""
SENTENCE_CHARS_MAX = 500

_ENDS = r".!?\u3002\uff01\uff1f"
_SENTENCE = re.compile(rf"[^\n{_ENDS}]+(?:[.!?](?=\w)[^\n{_ENDS}]+)*[{_ENDS}]*")
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w{2,}")
"""Chinese, Japanese and Korean by characters."""


class Sentence(msgspec.Struct, frozen=True):
    """`weight` is how much it stands for: a line of an earlier summary stands for many."""

    text: str
    memory_id: MemoryId | None
    weight: float = 1.0


def sentences_in(text: str) -> list[str]:
    found = (" ".join(match.group().split()) for match in _SENTENCE.finditer(text))
    return [sentence[:SENTENCE_CHARS_MAX] for sentence in found if sentence]


def extract(
    sentences: Sequence[Sentence], vectors: Mapping[MemoryId, Vector], chars_max: int
) -> list[int]:
    """The places of the sentences that are chosen, in their order; at least one is."""
    candidates = _candidates(sentences)
    if not candidates:
        return []
    likeness = _likeness([sentences[place] for place in candidates], vectors)
    weights = np.array([sentences[place].weight for place in candidates])
    central = _central(likeness, weights)
    lengths = [len(sentences[place].text) for place in candidates]
    return sorted(candidates[n] for n in _choose(central, likeness, lengths, chars_max))


def _candidates(sentences: Sequence[Sentence]) -> list[int]:
    """Those that say something; all, where none does."""
    long = [n for n, one in enumerate(sentences) if len(_WORDS.findall(one.text)) >= WORDS_MIN]
    places = long or list(range(len(sentences)))
    if len(places) > SENTENCES_MAX:
        by_length = sorted(places, key=lambda place: -len(sentences[place].text))
        places = sorted(by_length[:SENTENCES_MAX])
    return places


def _likeness(sentences: Sequence[Sentence], vectors: Mapping[MemoryId, Vector]) -> Matrix:
    words = _cosines_of_words([sentence.text for sentence in sentences])
    known = [sentence.memory_id in vectors for sentence in sentences]
    if not any(known):
        return words
    width = len(next(iter(vectors.values())))
    rows = np.zeros((len(sentences), width))
    for n, sentence in enumerate(sentences):
        if sentence.memory_id is not None and known[n]:
            rows[n] = vectors[sentence.memory_id]
    both = np.outer(known, known)
    return np.where(both, (words + np.clip(rows @ rows.T, 0, 1)) / 2, words)


def _cosines_of_words(texts: Sequence[str]) -> Matrix:
    counts = [Counter(word.casefold() for word in _WORDS.findall(text)) for text in texts]
    spread = Counter(word for count in counts for word in count)
    columns = {word: n for n, word in enumerate(spread)}
    rows = np.zeros((len(texts), max(len(columns), 1)))
    for n, count in enumerate(counts):
        for word, times in count.items():
            rows[n, columns[word]] = times * math.log(1 + len(texts) / spread[word])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    return np.clip(rows @ rows.T, 0, 1)


def _central(likeness: Matrix, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The walk, of which a share begins anew, at what stands for much. The best has 1."""
    likeness = likeness * weights[None, :]
    likeness[np.diag_indices_from(likeness)] = 1e-9
    steps = likeness / likeness.sum(axis=1, keepdims=True)
    anew = weights / weights.sum()
    found = anew.copy()
    for _ in range(ROUNDS):
        found = DAMPING * anew + (1 - DAMPING) * (found @ steps)
    scaled: NDArray[np.float64] = found / found.max()
    return scaled


def _choose(
    central: NDArray[np.float64], likeness: Matrix, lengths: Sequence[int], chars_max: int
) -> list[int]:
    chosen: list[int] = []
    nearest = np.zeros(len(central))
    left = chars_max
    open_ones = set(range(len(central)))
    while open_ones:
        best = max(open_ones, key=lambda n: RELEVANCE * central[n] - (1 - RELEVANCE) * nearest[n])
        open_ones.discard(best)
        if chosen and lengths[best] > left:
            continue
        chosen.append(best)
        left -= lengths[best]
        nearest = np.maximum(nearest, likeness[best])
    return chosen
