"""Typed access to queries.sql."""

from typing import Any
from uuid import UUID

import msgspec

from app.db.sql import Connection, load
from app.ids import ProjectId, ResponseId
from app.responses.types import StoredLog, StoredResponse


class Committed(msgspec.Struct, frozen=True):
    branch_id: UUID
    moved: bool
    """The conversation's head was where the turn continues it, and is the turn now."""


_sql = load(__file__)
_commit_turn = _sql.rows("commit_turn", Committed)
_get_response = _sql.rows("get_response", StoredResponse)
_get_log = _sql.rows("get_log", StoredLog)


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
