"""Typed access to queries.sql."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from pgvector import HalfVector

from app.db.sql import Connection, load
from app.ids import ConversationId, MemoryId, ProjectId, UserId
from app.recall.types import Vector
from app.summaries.about import About
from app.summaries.types import NewSummary, Said, StoredSummary


class Version(msgspec.Struct, frozen=True):
    memory_id: MemoryId
    version: int


class StoredVector(msgspec.Struct, frozen=True):
    memory_id: MemoryId
    embedding: HalfVector


_sql = load(__file__)
_find_current = _sql.rows("find_current", StoredSummary)
_list_covered = _sql.statement("list_covered")
_list_said = _sql.rows("list_said", Said)
_list_said_within = _sql.rows("list_said_within", Said)
_list_vectors = _sql.rows("list_vectors", StoredVector)
_hold_sources = _sql.rows("hold_sources", Version)
_insert_summary = _sql.statement("insert_summary")
_supersede = _sql.statement("supersede")
_find_model = _sql.statement("find_model")
_is_remembering = _sql.statement("is_remembering")


async def find_current(
    conn: Connection, project: ProjectId, user: UserId, about: str
) -> StoredSummary | None:
    return await _find_current.one(conn, project=project, user_id=user, about=about)


async def list_covered(conn: Connection, project: ProjectId, memory_id: MemoryId) -> list[MemoryId]:
    return await _list_covered.values(conn, project=project, memory_id=memory_id)


async def list_said(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    ids: Sequence[UUID],
    covered: Sequence[MemoryId],
    most: int,
) -> list[Said]:
    values = {"memory_ids": ids, "covered": covered, "most": most}
    return await _list_said.all(conn, project=project, user_id=user, **values)


async def list_said_within(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    stretch: str,
    covered: Sequence[MemoryId],
    most: int,
) -> list[Said]:
    values: dict[str, Any] = {"stretch": stretch, "covered": covered, "most": most}
    return await _list_said_within.all(conn, project=project, user_id=user, **values)


async def list_vectors(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId], model: str, dimensions: int
) -> dict[MemoryId, Vector]:
    found = await _list_vectors.all(
        conn, project=project, memory_ids=ids, model=model, dimensions=dimensions
    )
    return {one.memory_id: one.embedding.to_numpy().astype(np.float32) for one in found}


async def hold_sources(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> dict[MemoryId, int]:
    """Their versions, of those that are there."""
    found = await _hold_sources.all(conn, project=project, memory_ids=ids)
    return {one.memory_id: one.version for one in found}


async def insert_summary(
    conn: Connection, about: About, memory_id: MemoryId, made: NewSummary
) -> None:
    values = msgspec.structs.asdict(made) | {"memory_id": memory_id}
    await _insert_summary.run(conn, project=about.project, user_id=about.user, **values)


async def supersede(
    conn: Connection, project: ProjectId, memory_id: MemoryId, by: MemoryId, valid_to: datetime
) -> None:
    await _supersede.run(
        conn, project=project, memory_id=memory_id, superseded_by=by, valid_to=valid_to
    )


async def find_model(
    conn: Connection, project: ProjectId, conversation: ConversationId
) -> str | None:
    found: str | None = await _find_model.value(conn, project=project, conversation=conversation)
    return found


async def is_remembering(conn: Connection, project: ProjectId, ids: Sequence[UUID]) -> bool:
    return bool(await _is_remembering.value(conn, project=project, item_ids=ids))
