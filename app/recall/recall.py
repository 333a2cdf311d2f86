"""Recall: candidates by words and by vector, scores fused, neighbours lending, the best packed.

The two arms meet in a union, and every candidate gets the scores of both. Without an embedder, or
when it is too slow, words alone decide, and the answer says so.
"""

import asyncio
from typing import Literal

import msgspec

from app.db.database import Database
from app.db.sql import Connection
from app.embeddings.types import Embedder
from app.errors import EmbeddingFailed, Unavailable
from app.identity.users import Users
from app.ids import ProjectId, UserId
from app.memory.read import read_memories
from app.memory.show import shown
from app.recall import queries, rank
from app.recall.nearest import nearest
from app.recall.pack import pack
from app.recall.rank import Candidate, Pool, Terms
from app.recall.types import (
    ArmSignal,
    Asked,
    Reach,
    Recalled,
    RecallUsage,
    Recollection,
    Scored,
    Signals,
    Vector,
    VectorScored,
)

QUERY_TERMS_MAX = 256
"""Terms looked at in a query, from its beginning; of these `rank.TERMS_MAX` are searched for."""

CANDIDATES_MIN = 100
SEEDS_MIN = 50
"""How many of the candidates, at least, bring their neighbours."""

VectorsState = Literal["used", "unavailable", "too_late"]


class ByWords(msgspec.Struct, frozen=True):
    terms: Terms
    found: list[Scored]
    complete: bool
    """Nothing else has any of the terms."""

    memories: int
    """That are in scope."""


class QueryVector(msgspec.Struct, frozen=True):
    """`model` is what made it; only vectors of the same are near or far from it."""

    state: VectorsState
    model: str
    vector: Vector | None = None


async def recall(
    database: Database,
    embedder: Embedder,
    users: Users,
    reach: Reach,
    asked: Asked,
    *,
    embed_seconds_max: float,
    exact_max: int,
    explain: bool = False,
) -> Recollection:
    """What is in reach and fits the query, best first. Raises Unavailable without a database."""
    embedding = asyncio.create_task(_embed(embedder, asked.query, embed_seconds_max))
    try:
        by_words = await _rank_by_words(database, reach, asked)
        query = await embedding
    finally:
        embedding.cancel()
    async with database.tenant(reach.project) as conn:
        large = by_words.memories > exact_max
        by_vector = await _rank_by_vector(conn, reach, asked, query, large=large)
        pool = await _pool(conn, reach, asked, by_words, by_vector, query)
        best = [c for c in rank.best_of(pool, asked.limit) if c.score >= asked.min_score]
        data = await _load(conn, users, reach.project, best, explain)
    packed = pack((found.memory for found in data), asked.token_budget)
    usage = RecallUsage(vectors=query.state, candidates=len(pool), context_tokens=packed.tokens)
    return Recollection(data=data, context=packed.text, usage=usage)


async def everyone(database: Database, project: ProjectId) -> list[UserId]:
    """All users that have memories, and the project itself, if it has any."""
    async with database.tenant(project) as conn:
        return await queries.list_scopes(conn, project)


async def _embed(embedder: Embedder, text: str, seconds_max: float) -> QueryVector:
    """No connection is held meanwhile by this task."""
    model = embedder.model
    try:
        async with asyncio.timeout(seconds_max):
            vectors = await embedder.embed([text], "query")
    except TimeoutError:
        return QueryVector("too_late", model)
    except (Unavailable, EmbeddingFailed):
        return QueryVector("unavailable", model)
    return QueryVector("used", model, vectors[0])


async def _rank_by_words(database: Database, reach: Reach, asked: Asked) -> ByWords:
    most = _candidates(asked)
    async with database.tenant(reach.project) as conn:
        size = await queries.measure_scope(conn, reach)
        counts = await queries.count_terms(
            conn,
            reach,
            asked.query,
            asked.language,
            most=QUERY_TERMS_MAX,
            memories_max=rank.POSTINGS_MAX,
        )
        terms = rank.weigh_terms(counts, size)
        found = await queries.rank_by_words(conn, reach, terms, most) if terms.terms else []
    return ByWords(terms, found, complete=len(found) < most, memories=size.memories)


async def _rank_by_vector(
    conn: Connection, reach: Reach, asked: Asked, query: QueryVector, *, large: bool
) -> list[VectorScored]:
    if query.vector is None:
        return []
    return await nearest(conn, reach, query.model, query.vector, _candidates(asked), large=large)


async def _pool(
    conn: Connection,
    reach: Reach,
    asked: Asked,
    by_words: ByWords,
    by_vector: list[VectorScored],
    query: QueryVector,
) -> Pool:
    """All candidates, with the scores of both arms and what neighbours lend."""
    terms, pool = by_words.terms, rank.pool_of(by_words.found, by_vector)
    seeds = rank.choose_seeds(
        pool, terms, words_complete=by_words.complete, most=max(SEEDS_MIN, asked.limit)
    )
    neighbours = await queries.list_neighbours(conn, reach, seeds, len(rank.LENT))
    rank.add_neighbours(pool, neighbours)
    if not by_words.complete:
        ids = [c.memory_id for c in pool.values() if c.words_rank is None]
        rank.add_words(pool, await queries.score_by_words(conn, reach, terms, ids))
    if query.vector is not None:
        ids = [c.memory_id for c in pool.values() if c.vector_rank is None]
        found = await queries.score_by_vector(conn, reach, query.model, query.vector, ids)
        rank.add_vectors(pool, found)
    rank.fuse(pool, terms)
    rank.lend(pool, seeds, neighbours)
    return pool


async def _load(
    conn: Connection, users: Users, project: ProjectId, best: list[Candidate], explain: bool
) -> list[Recalled]:
    """A memory that was deleted while we ranked is left out."""
    stored = await read_memories(conn, project, [c.memory_id for c in best])
    names = await users.names(conn, project, {memory.user_id for memory in stored.values()})
    return [
        Recalled(
            memory=shown(stored[candidate.memory_id], names),
            score=round(candidate.score, 4),
            signals=_signals(candidate) if explain else None,
        )
        for candidate in best
        if candidate.memory_id in stored
    ]


def _signals(candidate: Candidate) -> Signals:
    vector = candidate.vector
    return Signals(
        words=ArmSignal(score=round(candidate.words, 4), rank=candidate.words_rank),
        vector=None
        if vector is None
        else ArmSignal(score=round(vector, 4), rank=candidate.vector_rank),
        own=round(candidate.own, 4),
        lent=round(candidate.lent, 4),
    )


def _candidates(asked: Asked) -> int:
    return max(CANDIDATES_MIN, 2 * asked.limit)
