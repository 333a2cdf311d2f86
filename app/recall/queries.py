"""Typed access to queries.sql."""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.db.sql import Connection, load
from app.ids import MemoryId, ProjectId, UserId
from app.recall.pool import Beside, Described, Nearness, Occurrence
from app.recall.rank import K1, B, Terms
from app.recall.types import (
    Reach,
    ScopeSize,
    Scored,
    TermBounds,
    TermCount,
    Vector,
    VectorScored,
)

_sql = load(__file__)
_list_scopes = _sql.statement("list_scopes")
_measure_scope = _sql.rows("measure_scope", ScopeSize)
_count_terms = _sql.rows("count_terms", TermCount)
_rank_by_words = _sql.rows("rank_by_words", Scored)
_rank_by_vector = _sql.rows("rank_by_vector", VectorScored)
_rank_by_index = _sql.rows("rank_by_index", VectorScored)
_list_speakers = _sql.statement("list_speakers")
_list_standing = _sql.statement("list_standing")
_list_said_in = _sql.statement("list_said_in")
_list_beside = _sql.rows("list_beside", Beside)
_describe = _sql.rows("describe", Described)
_count_occurrences = _sql.rows("count_occurrences", Occurrence)
_measure_nearness = _sql.rows("measure_nearness", Nearness)
_list_paraphrases = _sql.statement("list_paraphrases")
_measure_likeness = _sql.rows("measure_likeness", Scored)


async def list_scopes(conn: Connection, project: ProjectId) -> list[UserId]:
    return await _list_scopes.values(conn, project=project)


async def measure_scope(conn: Connection, reach: Reach) -> ScopeSize:
    found = await _measure_scope.one(conn, project=reach.project, users=reach.users)
    assert found is not None
    return found


async def count_terms(
    conn: Connection, reach: Reach, query: str, language: str | None, bounds: TermBounds
) -> list[TermCount]:
    return await _count_terms.all(
        conn,
        project=reach.project,
        users=reach.users,
        query=query,
        language=language,
        **msgspec.structs.asdict(bounds),
    )


async def rank_by_words(conn: Connection, reach: Reach, terms: Terms, most: int) -> list[Scored]:
    return await _rank_by_words.all(conn, **_within(reach), **_bm25(terms), most=most)


async def rank_by_vector(
    conn: Connection, reach: Reach, model: str, vector: Vector, most: int
) -> list[VectorScored]:
    return await _rank_by_vector.all(conn, **_within(reach), model=model, vector=vector, most=most)


async def rank_by_index(
    conn: Connection, reach: Reach, model: str, vector: Vector, most: int, effort: int
) -> list[VectorScored]:
    return await _rank_by_index.all(
        conn, **_within(reach), model=model, vector=vector, most=most, effort=effort
    )


async def list_speakers(
    conn: Connection, project: ProjectId, user_id: UserId, most: int
) -> list[str]:
    return await _list_speakers.values(conn, project=project, user_id=user_id, most=most)


async def list_standing(conn: Connection, reach: Reach, most: int) -> list[MemoryId]:
    return await _list_standing.values(conn, **_within(reach), most=most)


async def list_said_in(conn: Connection, reach: Reach, most: int) -> list[MemoryId]:
    return await _list_said_in.values(conn, **_within(reach), most=most)


async def list_beside(
    conn: Connection, reach: Reach, seeds: Sequence[MemoryId], distance_max: int
) -> list[Beside]:
    return await _list_beside.all(conn, **_within(reach), memory_ids=seeds, reach=distance_max)


async def describe(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[Described]:
    return await _describe.all(conn, project=project, memory_ids=ids)


async def count_occurrences(
    conn: Connection, reach: Reach, terms: Terms, ids: Sequence[MemoryId]
) -> list[Occurrence]:
    return await _count_occurrences.all(
        conn, project=reach.project, users=reach.users, terms=terms.terms, memory_ids=ids
    )


async def measure_nearness(
    conn: Connection,
    project: ProjectId,
    model: str,
    vector: Vector,
    whole: Vector,
    ids: Sequence[MemoryId],
) -> list[Nearness]:
    return await _measure_nearness.all(
        conn, project=project, model=model, vector=vector, whole=whole, memory_ids=ids
    )


async def measure_likeness(
    conn: Connection,
    project: ProjectId,
    model: str,
    dimensions: int,
    like: Sequence[MemoryId],
    ids: Sequence[MemoryId],
) -> list[Scored]:
    return await _measure_likeness.all(
        conn, project=project, model=model, dimensions=dimensions, like_ids=like, memory_ids=ids
    )


async def list_paraphrases(
    conn: Connection,
    project: ProjectId,
    model: str,
    dimensions: int,
    ranked: Sequence[MemoryId],
    alike_min: float,
) -> set[MemoryId]:
    found = await _list_paraphrases.values(
        conn,
        project=project,
        model=model,
        dimensions=dimensions,
        memory_ids=ranked,
        alike_min=alike_min,
    )
    return set(found)


def _within(reach: Reach) -> dict[str, Any]:
    return msgspec.structs.asdict(reach) | {"narrowed": reach.narrowed}


def _bm25(terms: Terms) -> dict[str, Any]:
    return {
        "terms": terms.terms,
        "weights": terms.weights_of_terms,
        "words_mean": terms.words_mean,
        "k1": K1,
        "b": B,
    }
