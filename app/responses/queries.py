"""Typed access to queries.sql."""

from typing import Any
from uuid import UUID

import msgspec

from app.db.sql import Connection, load
from app.ids import BranchId, ProjectId, ResponseId, TurnId, UserId
from app.responses.types import EngineCopy, EngineHead, StoredLog, StoredResponse


class Committed(msgspec.Struct, frozen=True):
    branch_id: UUID
    moved: bool
    """The conversation's head was where the turn continues it, and is the turn now."""


_sql = load(__file__)
_commit_turn = _sql.rows("commit_turn", Committed)
_get_response = _sql.rows("get_response", StoredResponse)
_get_log = _sql.rows("get_log", StoredLog)
_insert_engine_response = _sql.statement("insert_engine_response")
_find_engine_head = _sql.rows("find_engine_head", EngineHead)


async def commit_turn(conn: Connection, values: dict[str, Any]) -> Committed:
    """`values` has every parameter of the statement; commit.py puts them together."""
    committed = await _commit_turn.one(conn, **values)
    assert committed is not None
    return committed


async def get_response(
    conn: Connection, project: ProjectId, response_id: ResponseId
) -> StoredResponse | None:
    return await _get_response.one(conn, project=project, response_id=response_id)


async def get_log(conn: Connection, project: ProjectId, response_id: ResponseId) -> bytes | None:
    found = await _get_log.one(conn, project=project, response_id=response_id)
    return found.events if found else None


async def insert_engine_response(
    conn: Connection,
    project: ProjectId,
    response_id: ResponseId,
    user_id: UserId,
    copy: EngineCopy,
    *,
    continuable: bool,
) -> None:
    await _insert_engine_response.run(
        conn,
        project=project,
        response_id=response_id,
        user_id=user_id,
        first_item_id=copy.first_item_id,
        engine=copy.engine,
        engine_response_id=copy.engine_response_id,
        items=copy.items,
        continuable=continuable,
    )


async def find_engine_head(
    conn: Connection,
    project: ProjectId,
    turn_id: TurnId,
    branch_id: BranchId | None,
    position: int,
) -> EngineHead | None:
    """Of the turn that ends at this position of its branch."""
    return await _find_engine_head.one(
        conn, project=project, response_id=turn_id, branch_id=branch_id, position=position
    )
