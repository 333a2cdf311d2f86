"""Gathering the candidates of a recall: what the arms propose and what stands beside it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from app.db.sql import Connection
from app.ids import MemoryId
from app.recall import queries
from app.recall.features import FEEDBACK_FROM, first_guess
from app.recall.named_times import within
from app.recall.nearest import nearest
from app.recall.pool import OFFSETS, Pool
from app.recall.reading import Reading
from app.recall.search import ByWords, rank_by_words
from app.recall.types import Asked, Reach, Vector, VectorsState

CANDIDATES_MIN = 100
"""Of each arm."""

WINDOWS_MAX = 2
THEN_MAX = 50
"""Of each arm, within a time that the query names, and by the words of a date."""

STANDING_MAX = 50
"""Instructions and preferences that are looked at for any query, the newest first."""


class QueryVectors(msgspec.Struct, frozen=True):
    """Of the query without the names of speakers, and with them; both without what names a time.
    `model` is what made them; only vectors of the same are near or far from them."""

    state: VectorsState
    model: str
    bare: Vector | None = None
    whole: Vector | None = None


class Search(NamedTuple):
    """What to look for, and where. More than `exact_max` memories are looked through by an index,
    where there is one."""

    conn: Connection
    reach: Reach
    reading: Reading
    by_words: ByWords
    vectors: QueryVectors
    most: int
    exact_max: int

    async def nearest(self, reach: Reach, most: int) -> list[MemoryId]:
        vector = self.vectors.bare
        if vector is None:
            return []
        large = self.by_words.memories > self.exact_max
        model = self.vectors.model
        found = await nearest(self.conn, reach, model, vector, most, large=large)
        return [near.memory_id for near in found]

    async def having_words(self, reach: Reach, most: int) -> list[MemoryId]:
        terms = self.by_words.terms
        found = await queries.rank_by_words(self.conn, reach, terms, most) if terms.terms else []
        return [one.memory_id for one in found]


def most_of(asked: Asked) -> int:
    return max(CANDIDATES_MIN, 2 * asked.limit)


async def gather(search: Search) -> Pool:
    conn, reach, by_words, reading = search.conn, search.reach, search.by_words, search.reading
    by_word = [found.memory_id for found in by_words.found]
    anything = reading.question.anything
    by_vector = [] if anything else await search.nearest(reach, search.most)
    then = [*reading.said_then, *await _in_windows(search)]
    dated = await rank_by_words(conn, reach, reading.dated, THEN_MAX) if reading.dated else None
    by_date = [found.memory_id for found in dated.found] if dated else []
    standing = await queries.list_standing(conn, reach, STANDING_MAX)
    proposed = list(dict.fromkeys([*by_word, *by_vector, *then, *by_date, *standing]))
    beside = await queries.list_beside(conn, reach, proposed, max(OFFSETS))
    ids = set(proposed).union(pair.memory_id for pair in beside)
    pool = Pool(await queries.describe(conn, reach.project, list(ids)), by_words.terms)
    pool.put_beside(beside)
    pool.words_ranks = {memory_id: place for place, memory_id in enumerate(by_word, 1)}
    pool.vector_ranks = {memory_id: place for place, memory_id in enumerate(by_vector, 1)}
    pool.put_frequencies(await queries.count_occurrences(conn, reach, by_words.terms, pool.ids))
    if dated:
        found = await queries.count_occurrences(conn, reach, dated.terms, pool.ids)
        pool.put_dated(dated.terms, found)
    if pool.ids:
        await _measure(conn, reach, search.vectors, pool)
    return pool


async def _in_windows(search: Search) -> list[MemoryId]:
    """The best of each time that is named: in all that was ever said they may be far behind."""
    found: list[MemoryId] = []
    for window in search.reading.question.windows[:WINDOWS_MAX]:
        reach = within(search.reach, window)
        found += await search.having_words(reach, THEN_MAX)
        found += await search.nearest(reach, THEN_MAX)
    return found


async def _measure(conn: Connection, reach: Reach, vectors: QueryVectors, pool: Pool) -> None:
    """Cosines with the query; and with what seems best, which finds more of its like."""
    model, bare, whole, ids = vectors.model, vectors.bare, vectors.whole, pool.ids
    if bare is None or whole is None:
        return
    pool.put_nearness(await queries.measure_nearness(conn, reach.project, model, bare, whole, ids))
    best = _best(pool)
    pool.put_feedback(
        await queries.measure_likeness(conn, reach.project, model, len(bare), best, ids)
    )


def _best(pool: Pool) -> Sequence[MemoryId]:
    guess = first_guess(pool)
    return [pool.ids[row] for row in (-guess).argsort(kind="stable")[:FEEDBACK_FROM]]
