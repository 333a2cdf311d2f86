"""Typed access to queries.sql."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.conversations.types import Turn
from app.db.sql import Connection, load
from app.ids import ProjectId, ResponseId, TurnId, UserId


class Shared(msgspec.Struct, frozen=True):
    """What a deleted response may have had together with others."""

    log_id: UUID
    instructions_hash: bytes | None
    tools_hash: bytes | None


class KeptThere(msgspec.Struct, frozen=True):
    """A response that an engine keeps."""

    response_id: ResponseId
    user_id: UserId
    engine: str
    engine_response_id: str


_sql = load(__file__)
_delete_items = _sql.statement("delete_items")
_delete_response = _sql.rows("delete_response", Shared)
_bury_turn = _sql.statement("bury_turn")
_delete_cache_entries = _sql.statement("delete_cache_entries")
_delete_log = _sql.statement("delete_log")
_delete_contents = _sql.statement("delete_contents")
_delete_replies = _sql.statement("delete_replies")
_delete_engine_responses = _sql.rows("delete_engine_responses", KeptThere)


async def delete_items(conn: Connection, project: ProjectId, turn: Turn) -> list[bytes]:
    return await _delete_items.values(
        conn,
        project=project,
        branch_id=turn.branch_id,
        start_position=turn.start_position,
        end_position=turn.end_position,
    )


async def delete_response(
    conn: Connection, project: ProjectId, response_id: ResponseId
) -> Shared | None:
    return await _delete_response.one(conn, project=project, response_id=response_id)


async def bury_turn(conn: Connection, project: ProjectId, turn_id: TurnId) -> None:
    await _bury_turn.run(conn, project=project, turn_id=turn_id)


async def delete_cache_entries(
    conn: Connection, project: ProjectId, response_id: ResponseId
) -> None:
    await _delete_cache_entries.run(conn, project=project, response_id=response_id)


async def delete_log(conn: Connection, project: ProjectId, log_id: UUID) -> None:
    await _delete_log.run(conn, project=project, log_id=log_id)


async def delete_contents(
    conn: Connection, project: ProjectId, user_id: UserId, hashes: Sequence[bytes]
) -> None:
    await _delete_contents.run(conn, project=project, user_id=user_id, hashes=hashes)


async def delete_replies(conn: Connection, project: ProjectId, response_id: ResponseId) -> None:
    await _delete_replies.run(conn, project=project, response_id=response_id)


async def delete_engine_responses(
    conn: Connection, project: ProjectId, response_id: ResponseId, first_item_id: UUID | None
) -> list[KeptThere]:
    return await _delete_engine_responses.all(
        conn, project=project, response_id=response_id, first_item_id=first_item_id
    )
