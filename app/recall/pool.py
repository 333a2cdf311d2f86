"""The candidates of a recall as columns: row i of each array is candidate i."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.ids import MemoryId, UserId
from app.memory.types import Kind, Standing
from app.recall.rank import Terms
from app.recall.types import Scored

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

Window = tuple[datetime | None, datetime | None]
"""From a moment to before another; None is open."""

OFFSETS = (-2, -1, 1, 2)
"""Places in a stretch, before and after a candidate, that count as beside it."""

NOBODY = -1


class Described(msgspec.Struct, frozen=True, gc=False):
    """What is asked of a candidate beside its words and vectors."""

    memory_id: MemoryId
    user_id: UserId
    kind: Kind
    speaker: str | None
    stretch: str | None
    occurred_at: datetime
    words: int
    asks: bool
    tells_time: bool
    standing: Standing | None


class Beside(msgspec.Struct, frozen=True, gc=False):
    """`memory_id` stands `place` memories after `seed_id`; before it, where negative."""

    seed_id: MemoryId
    memory_id: MemoryId
    place: int


class Nearness(msgspec.Struct, frozen=True, gc=False):
    """Cosines with the query without names: of a memory's beginning, best passage and window; and
    of its window with the whole query."""

    memory_id: MemoryId
    first: float
    own: float
    window: float
    whole: float


class Occurrence(msgspec.Struct, frozen=True, gc=False):
    """How often the memories have one term of the query."""

    term: int
    memory_ids: list[MemoryId]
    frequencies: list[int]


class Pool:
    """Cosines are NaN where a memory has no vector yet, or the query none."""

    def __init__(self, described: Sequence[Described], terms: Terms) -> None:
        self.described = described
        self.terms = terms
        self.ids = [row.memory_id for row in described]
        self.at = {memory_id: row for row, memory_id in enumerate(self.ids)}
        size = len(self.ids)
        self.words = np.array([row.words for row in described], dtype=np.float64)
        self.asks = np.array([row.asks for row in described], dtype=np.bool_)
        self.tells_time = np.array([row.tells_time for row in described], dtype=np.bool_)
        self.stretches = _codes(described)
        self.frequencies = self._frequencies(terms, [])
        self.dated = np.zeros(size)
        self.first, self.own, self.window, self.whole = np.full((4, size), np.nan)
        self.feedback = np.full(size, np.nan)
        self.beside = np.full((len(OFFSETS), size), NOBODY, dtype=np.intp)
        self.words_ranks: dict[MemoryId, int] = {}
        self.vector_ranks: dict[MemoryId, int] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def said_by(self, speakers: Sequence[str]) -> Flags:
        return np.array([row.speaker in speakers for row in self.described], dtype=np.bool_)

    def of_standing(self, standing: Standing) -> Flags:
        return np.array([row.standing == standing for row in self.described], dtype=np.bool_)

    def within(self, windows: Sequence[Window]) -> Flags:
        """Those that were said in any of these times."""
        return np.array(
            [any(_is_in(row.occurred_at, window) for window in windows) for row in self.described],
            dtype=np.bool_,
        )

    def put_frequencies(self, occurrences: Sequence[Occurrence]) -> None:
        self.frequencies += self._frequencies(self.terms, occurrences)

    def put_dated(self, terms: Terms, occurrences: Sequence[Occurrence]) -> None:
        """`terms` are the words of a date that the query names."""
        self.dated = share_of(terms, self._frequencies(terms, occurrences))

    def covered(self) -> Floats:
        return share_of(self.terms, self.frequencies)

    def put_beside(self, pairs: Sequence[Beside]) -> None:
        """Both ways: what stands after a candidate has the candidate before it."""
        for pair in pairs:
            seed, other = self.at.get(pair.seed_id), self.at.get(pair.memory_id)
            if seed is not None and other is not None:
                self.beside[OFFSETS.index(pair.place), seed] = other
                self.beside[OFFSETS.index(-pair.place), other] = seed

    def put_nearness(self, found: Sequence[Nearness]) -> None:
        rows = [self.at[near.memory_id] for near in found]
        self.first[rows] = [near.first for near in found]
        self.own[rows] = [near.own for near in found]
        self.window[rows] = [near.window for near in found]
        self.whole[rows] = [near.whole for near in found]

    def put_feedback(self, found: Sequence[Scored]) -> None:
        self.feedback[[self.at[like.memory_id] for like in found]] = [like.score for like in found]

    def _frequencies(self, terms: Terms, occurrences: Sequence[Occurrence]) -> Floats:
        """Of words, in whatever form: a memory has one, as a rule."""
        frequencies = np.zeros((len(terms.weights), len(self)))
        for found in occurrences:
            rows = [self.at[memory_id] for memory_id in found.memory_ids]
            frequencies[terms.word_of[found.term], rows] += found.frequencies
        return frequencies

    def of_beside(self, values: Floats, place: int) -> Floats:
        """The values of what stands there, 0 where nothing is known to."""
        rows = self.beside[OFFSETS.index(place)]
        padded = np.concatenate([values, np.zeros((*values.shape[:-1], 1))], axis=-1)
        return padded[..., rows]


def share_of(terms: Terms, frequencies: Floats) -> Floats:
    """How much of what all words tell each candidate has."""
    if not terms.all_tell:
        return np.zeros(frequencies.shape[1])
    share: Floats = np.array(terms.tells) @ (frequencies > 0) / terms.all_tell
    return share


def _is_in(moment: datetime, window: Window) -> bool:
    since, until = window
    return (since is None or since <= moment) and (until is None or moment < until)


def _codes(described: Sequence[Described]) -> Rows:
    """One number a stretch; a memory that stands in none is a stretch of its own."""
    codes: dict[object, int] = {}
    return np.array(
        [
            codes.setdefault((row.user_id, row.stretch or row.memory_id), len(codes))
            for row in described
        ],
        dtype=np.intp,
    )
