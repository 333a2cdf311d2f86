"""Recall: candidates by words and by vector, and what stands beside them; judged, the best packed.

The arms meet in a union, and every candidate is seen in the light of all. Without an embedder, or
when it is too slow, words alone decide, and the answer says so.
"""

import asyncio

import msgspec

from app.db.database import Database
from app.db.sql import Connection
from app.embeddings.reranker import NoReranker
from app.embeddings.types import Embedder, Reranker
from app.errors import EmbeddingFailed, Unavailable
from app.identity.users import Users
from app.ids import ProjectId, UserId
from app.memory.read import read_memories
from app.memory.show import shown
from app.recall import queries
from app.recall.explain import left_out, signals
from app.recall.features import Question
from app.recall.gather import QueryVectors, Search, gather, most_of
from app.recall.judge import DIGITS, Candidate, Judged, judge
from app.recall.pack import pack
from app.recall.pool import Pool
from app.recall.reading import Reading, read
from app.recall.rerank import rerank
from app.recall.search import rank_by_words
from app.recall.types import (
    Asked,
    Reach,
    Recalled,
    RecallUsage,
    Recollection,
)

PARAPHRASES_FROM = 3
PARAPHRASES_MAX = 100
"""Looked for among the first: so many times the limit, and never more."""

NO_RERANKER = NoReranker()

ALIKE_MIN = 0.92
"""The cosine from which two short texts with the same numbers say the same."""


class Seen(msgspec.Struct, frozen=True):
    pool: Pool
    question: Question
    vectors: QueryVectors


async def recall(
    database: Database,
    embedder: Embedder,
    users: Users,
    reach: Reach,
    asked: Asked,
    *,
    embed_seconds_max: float,
    exact_max: int,
    reranker: Reranker = NO_RERANKER,
    explain: bool = False,
) -> Recollection:
    """What is in reach and fits the query, best first. Raises Unavailable without a database."""
    seen = await look(
        database, embedder, reach, asked, embed_seconds_max=embed_seconds_max, exact_max=exact_max
    )
    judged = judge(seen.pool, seen.question)
    judged, reranked = await rerank(database, reranker, reach, asked, judged)
    async with database.tenant(reach.project) as conn:
        judged = await _spread(conn, reach, asked, seen, judged)
        best = judged.best(asked)
        data = await _load(conn, users, reach.project, best, explain)
    packed = pack((found.memory for found in data), asked.token_budget)
    usage = RecallUsage(
        vectors=seen.vectors.state,
        reranked=reranked,
        candidates=len(seen.pool),
        context_tokens=packed.tokens,
    )
    return Recollection(
        data=data,
        context=packed.text,
        usage=usage,
        confidence=round(judged.confidence, DIGITS),
        left_out=left_out(judged, asked, data, packed) if explain else None,
    )


async def look(
    database: Database,
    embedder: Embedder,
    reach: Reach,
    asked: Asked,
    *,
    embed_seconds_max: float,
    exact_max: int,
) -> Seen:
    """The candidates, not yet judged. No connection is held while the query is embedded."""
    async with database.tenant(reach.project) as conn:
        reading = await read(conn, reach, asked.query)
    embedding = asyncio.create_task(_embed(embedder, reading, embed_seconds_max))
    most = most_of(asked)
    try:
        async with database.tenant(reach.project) as conn:
            by_words = await rank_by_words(conn, reach, reading.words, most, reading.language)
        vectors = await embedding
    finally:
        embedding.cancel()
    async with database.tenant(reach.project) as conn:
        pool = await gather(Search(conn, reach, reading, by_words, vectors, most, exact_max))
    return Seen(pool, reading.question, vectors)


async def _spread(
    conn: Connection, reach: Reach, asked: Asked, seen: Seen, judged: Judged
) -> Judged:
    """Ten ways of saying one thing make room for ten things."""
    if seen.vectors.bare is None:
        return judged
    most = PARAPHRASES_FROM * asked.limit
    paraphrases = await queries.list_paraphrases(
        conn,
        reach.project,
        seen.vectors.model,
        len(seen.vectors.bare),
        [one.memory_id for one in judged.ranking[: min(most, PARAPHRASES_MAX)]],
        ALIKE_MIN,
    )
    return judged.put_behind(paraphrases, most)


async def everyone(database: Database, project: ProjectId) -> list[UserId]:
    """All users that have memories, and the project itself, if it has any."""
    async with database.tenant(project) as conn:
        return await queries.list_scopes(conn, project)


async def _embed(embedder: Embedder, reading: Reading, seconds_max: float) -> QueryVectors:
    model = embedder.model
    texts = list(dict.fromkeys([reading.bare, reading.whole]))
    try:
        async with asyncio.timeout(seconds_max):
            vectors = await embedder.embed(texts, "query")
    except TimeoutError:
        return QueryVectors("too_late", model)
    except (Unavailable, EmbeddingFailed):
        return QueryVectors("unavailable", model)
    return QueryVectors("used", model, vectors[0], vectors[-1])


async def _load(
    conn: Connection, users: Users, project: ProjectId, best: list[Candidate], explain: bool
) -> list[Recalled]:
    """A memory that was deleted while we ranked is left out."""
    stored = await read_memories(conn, project, [c.memory_id for c in best])
    names = await users.names(conn, project, {memory.user_id for memory in stored.values()})
    return [
        Recalled(
            memory=shown(stored[candidate.memory_id], names),
            score=candidate.score,
            signals=signals(candidate) if explain else None,
        )
        for candidate in best
        if candidate.memory_id in stored
    ]
