"""Gathering the candidates of a recall: what the arms propose and what stands beside it."""

from collections.abc import Sequence

import msgspec

from app.db.sql import Connection
from app.ids import MemoryId
from app.memory.language import configuration_of
from app.recall import queries, rank
from app.recall.features import FEEDBACK_FROM, first_guess
from app.recall.framing import without_frame
from app.recall.nearest import nearest
from app.recall.pool import OFFSETS, Pool
from app.recall.rank import Terms
from app.recall.terms import BOUNDS, ends_of
from app.recall.types import Asked, Reach, Scored, Vector, VectorsState

CANDIDATES_MIN = 100
"""Of each arm."""


STANDING_MAX = 50
"""Instructions and preferences that are looked at for any query, the newest first."""


class ByWords(msgspec.Struct, frozen=True):
    terms: Terms
    found: list[Scored]
    memories: int
    """That are in scope."""


class QueryVectors(msgspec.Struct, frozen=True):
    """Of the query without the names of speakers, and of the whole query. `model` is what made
    them; only vectors of the same are near or far from them."""

    state: VectorsState
    model: str
    bare: Vector | None = None
    whole: Vector | None = None


async def rank_by_words(conn: Connection, reach: Reach, asked: Asked) -> ByWords:
    size = await queries.measure_scope(conn, reach)
    language = configuration_of(asked.query)
    query = ends_of(without_frame(asked.query))
    counts = await queries.count_terms(conn, reach, query, language, BOUNDS)
    terms = rank.weigh_terms(counts, size)
    if not terms.terms:
        return ByWords(terms, [], size.memories)
    found = await queries.rank_by_words(conn, reach, terms, _most(asked))
    return ByWords(terms, found, size.memories)


async def gather(
    conn: Connection,
    reach: Reach,
    asked: Asked,
    by_words: ByWords,
    vectors: QueryVectors,
    exact_max: int,
) -> Pool:
    """`exact_max` is how many memories in scope are looked through without an index."""
    by_vector: list[MemoryId] = []
    if vectors.bare is not None:
        large = by_words.memories > exact_max
        most = _most(asked)
        found = await nearest(conn, reach, vectors.model, vectors.bare, most, large=large)
        by_vector = [near.memory_id for near in found]
    standing = await queries.list_standing(conn, reach, STANDING_MAX)
    by_word = [found.memory_id for found in by_words.found]
    proposed = list(dict.fromkeys([*by_word, *by_vector, *standing]))
    beside = await queries.list_beside(conn, reach, proposed, max(OFFSETS))
    ids = set(proposed).union(pair.memory_id for pair in beside)
    pool = Pool(await queries.describe(conn, reach.project, list(ids)), by_words.terms)
    pool.put_beside(beside)
    pool.words_ranks = {found.memory_id: place for place, found in enumerate(by_words.found, 1)}
    pool.vector_ranks = {memory_id: place for place, memory_id in enumerate(by_vector, 1)}
    pool.put_frequencies(await queries.count_occurrences(conn, reach, by_words.terms, pool.ids))
    if vectors.bare is not None and vectors.whole is not None and pool.ids:
        await _measure(conn, reach, vectors.model, pool, vectors.bare, vectors.whole)
    return pool


async def _measure(
    conn: Connection, reach: Reach, model: str, pool: Pool, bare: Vector, whole: Vector
) -> None:
    """Cosines with the query; and with what seems best, which finds more of its like."""
    ids = pool.ids
    pool.put_nearness(await queries.measure_nearness(conn, reach.project, model, bare, whole, ids))
    best = _best(pool)
    pool.put_feedback(
        await queries.measure_likeness(conn, reach.project, model, len(bare), best, ids)
    )


def _best(pool: Pool) -> Sequence[MemoryId]:
    guess = first_guess(pool)
    return [pool.ids[row] for row in (-guess).argsort(kind="stable")[:FEEDBACK_FROM]]


def _most(asked: Asked) -> int:
    return max(CANDIDATES_MIN, 2 * asked.limit)
