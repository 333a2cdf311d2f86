"""Typed access to queries.sql."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import msgspec
from pgvector import HalfVector

from app.db.sql import Connection, load
from app.facts.types import Message, Near, Vector
from app.ids import MemoryId, ProjectId, UserId
from app.memory.types import UNREAD_SPEAKERS, Trust


class Statement(msgspec.Struct, frozen=True):
    memory_id: MemoryId
    content: str


class Counted(msgspec.Struct, frozen=True):
    outcome: str
    facts: int


_sql = load(__file__)
_list_messages = _sql.rows("list_messages", Message)
_read_terms = _sql.statement("read_terms")
_list_near = _sql.rows("list_near", Near)
_find_statement = _sql.rows("find_statement", Statement)
_add_sources = _sql.statement("add_sources")
_strengthen = _sql.statement("strengthen")
_supersede = _sql.statement("supersede")
_add_counts = _sql.statement("add_counts")
_sum_counts = _sql.rows("sum_counts", Counted)
_sum_everyones_counts = _sql.rows("sum_everyones_counts", Counted)


async def list_messages(
    conn: Connection, project: ProjectId, user: UserId, ids: Sequence[MemoryId]
) -> list[Message]:
    return await _list_messages.all(
        conn, project=project, user_id=user, memory_ids=ids, unread_speakers=UNREAD_SPEAKERS
    )


async def read_terms(
    conn: Connection, texts: Sequence[str], languages: Sequence[str]
) -> list[list[str]]:
    return await _read_terms.values(conn, texts=texts, languages=languages)


async def list_near(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    about: str,
    model: str,
    vector: Vector,
    most: int,
) -> list[Near]:
    return await _list_near.all(
        conn,
        project=project,
        user_id=user,
        about=about,
        model=model,
        vector=HalfVector(vector),
        most=most,
    )


async def find_statement(
    conn: Connection, project: ProjectId, user: UserId, key: bytes
) -> Statement | None:
    return await _find_statement.one(conn, project=project, user_id=user, statement_key=key)


async def add_sources(
    conn: Connection, project: ProjectId, memory_id: MemoryId, sources: Sequence[MemoryId]
) -> list[MemoryId]:
    return await _add_sources.values(conn, project=project, memory_id=memory_id, sources=sources)


async def strengthen(
    conn: Connection,
    project: ProjectId,
    memory_id: MemoryId,
    *,
    gained: float,
    evidence: str,
    trust: Trust,
    said_at: datetime,
    valid_from: datetime,
) -> None:
    await _strengthen.run(
        conn,
        project=project,
        memory_id=memory_id,
        gained=gained,
        evidence=evidence,
        trust=trust,
        said_at=said_at,
        valid_from=valid_from,
    )


async def supersede(
    conn: Connection,
    project: ProjectId,
    memory_id: MemoryId,
    superseded_by: MemoryId,
    valid_to: datetime,
) -> None:
    await _supersede.run(
        conn,
        project=project,
        memory_id=memory_id,
        superseded_by=superseded_by,
        valid_to=valid_to,
    )


async def add_counts(
    conn: Connection, project: ProjectId, user: UserId, counts: Mapping[str, int]
) -> None:
    await _add_counts.run(
        conn, project=project, user_id=user, outcomes=list(counts), counts=list(counts.values())
    )


async def sum_counts(
    conn: Connection, project: ProjectId, user: UserId | None, first: date, last: date
) -> list[Counted]:
    """Of a user, or of everyone."""
    if user is None:
        return await _sum_everyones_counts.all(conn, project=project, first=first, last=last)
    return await _sum_counts.all(conn, project=project, user_id=user, first=first, last=last)
