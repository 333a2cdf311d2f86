"""Typed access to queries.sql."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.db.sql import Connection, load
from app.ids import (
    BranchId,
    ConversationId,
    ProjectId,
    ResponseId,
    TurnId,
    UserId,
    id_text,
)
from app.responses.types import (
    Abandoned,
    EngineCopy,
    EngineHead,
    Lease,
    NewSegment,
    RunningResponse,
    Segment,
    StoredLog,
    StoredResponse,
)
from app.web.idempotency import Claim


class Committed(msgspec.Struct, frozen=True):
    branch_id: BranchId
    moved: bool
    """The conversation's head was where the turn continues it, and is the turn now."""


class Counted(msgspec.Struct, frozen=True):
    """What an engine counted of a response."""

    input_tokens: int | None
    output_tokens: int | None
    truncation: str | None


_sql = load(__file__)
_get_counted = _sql.rows("get_counted", Counted)
_commit_turn = _sql.rows("commit_turn", Committed)
_get_response = _sql.rows("get_response", StoredResponse)
_get_log = _sql.rows("get_log", StoredLog)
_insert_engine_response = _sql.statement("insert_engine_response")
_find_engine_head = _sql.rows("find_engine_head", EngineHead)
_insert_running = _sql.statement("insert_running")
_insert_segments = _sql.statement("insert_segments")
_list_leases = _sql.rows("list_leases", Lease)
_get_running = _sql.rows("get_running", RunningResponse)
_list_segments = _sql.rows("list_segments", Segment)
_request_cancel = _sql.statement("request_cancel")
_list_running_of = _sql.statement("list_running_of")
_list_running = _sql.statement("list_running")
_list_running_in = _sql.statement("list_running_in")
_delete_running = _sql.statement("delete_running")
_abandon_running = _sql.statement("abandon_running")
_answer_claim = _sql.statement("answer_claim")
_renew_worker = _sql.statement("renew_worker")
_delete_worker = _sql.statement("delete_worker")
_delete_dead_workers = _sql.statement("delete_dead_workers")
_claim_abandoned = _sql.rows("claim_abandoned", Abandoned)


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


async def insert_running(
    conn: Connection, project: ProjectId, running: Sequence[RunningResponse]
) -> None:
    """All of one worker."""
    await _insert_running.run(
        conn,
        project=project,
        worker_id=running[0].worker_id,
        response_ids=[row.response_id for row in running],
        user_ids=[row.user_id for row in running],
        resources=[row.resource for row in running],
        plans=[row.plan for row in running],
    )


async def insert_segments(
    conn: Connection, project: ProjectId, worker_id: UUID, segments: Sequence[NewSegment]
) -> None:
    await _insert_segments.run(
        conn,
        project=project,
        worker_id=worker_id,
        response_ids=[segment.response_id for segment in segments],
        numbers=[segment.number for segment in segments],
        segments=[segment.events for segment in segments],
    )


async def list_leases(
    conn: Connection, project: ProjectId, worker_id: UUID, response_ids: Sequence[ResponseId]
) -> list[Lease]:
    return await _list_leases.all(
        conn, project=project, worker_id=worker_id, response_ids=response_ids
    )


async def get_running(
    conn: Connection, project: ProjectId, response_id: ResponseId
) -> RunningResponse | None:
    return await _get_running.one(conn, project=project, response_id=response_id)


async def list_segments(
    conn: Connection, project: ProjectId, response_id: ResponseId, from_number: int
) -> list[Segment]:
    return await _list_segments.all(
        conn, project=project, response_id=response_id, from_number=from_number
    )


async def request_cancel(conn: Connection, project: ProjectId, response_id: ResponseId) -> None:
    await _request_cancel.run(conn, project=project, response_id=response_id)


async def list_running_in(
    conn: Connection, project: ProjectId, conversation: ConversationId
) -> list[ResponseId]:
    shown = f'"conversation":{{"id":"{id_text("conv", conversation)}"}}'
    return await _list_running_in.values(conn, project=project, shown=shown)


async def list_running_of(
    conn: Connection, project: ProjectId, user_id: UserId
) -> list[ResponseId]:
    return await _list_running_of.values(conn, project=project, user_id=user_id)


async def list_running(conn: Connection, project: ProjectId) -> list[ResponseId]:
    return await _list_running.values(conn, project=project)


async def delete_running(
    conn: Connection, project: ProjectId, response_id: ResponseId, worker_id: UUID
) -> bool:
    """Whether it was this worker's still."""
    touched = await _delete_running.run(
        conn, project=project, response_id=response_id, worker_id=worker_id
    )
    return touched == 1


async def abandon_running(
    conn: Connection, project: ProjectId, response_id: ResponseId, worker_id: UUID
) -> None:
    await _abandon_running.run(conn, project=project, response_id=response_id, worker_id=worker_id)


async def answer_claim(conn: Connection, claim: Claim, response_id: ResponseId) -> None:
    await _answer_claim.run(conn, **claim.where, claim_id=claim.claim_id, response_id=response_id)


async def renew_worker(conn: Connection, worker_id: UUID, lease_seconds: float) -> None:
    await _renew_worker.run(conn, worker_id=worker_id, lease=timedelta(seconds=lease_seconds))


async def delete_worker(conn: Connection, worker_id: UUID) -> None:
    await _delete_worker.run(conn, worker_id=worker_id)


async def delete_dead_workers(conn: Connection) -> None:
    await _delete_dead_workers.run(conn)


async def claim_abandoned(conn: Connection, worker_id: UUID, most: int) -> list[Abandoned]:
    return await _claim_abandoned.all(conn, worker_id=worker_id, most=most)


async def get_counted(
    conn: Connection, project: ProjectId, response_id: ResponseId
) -> Counted | None:
    return await _get_counted.one(conn, project=project, response_id=response_id)
