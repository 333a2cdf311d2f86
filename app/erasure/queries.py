"""Typed access to queries.sql."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.db.sql import Connection, load
from app.ids import (
    BranchId,
    ConversationId,
    ItemId,
    ProjectId,
    ResponseId,
    TurnId,
    UserId,
)


class Span(msgspec.Struct, frozen=True):
    """What of a turn is to be forgotten, from one position up to another."""

    turn_id: TurnId
    branch_id: BranchId
    from_position: int
    until: int
    partly: bool
    """Others keep some of the turn."""
    orphaned: bool = False
    """It says something, and has no response by which it could be deleted."""


class GoneItem(msgspec.Struct, frozen=True):
    item_id: ItemId
    content_hash: bytes


class GoneConversation(msgspec.Struct, frozen=True):
    head_turn_id: TurnId | None


class Untitled(msgspec.Struct, frozen=True):
    """A conversation that has lost its title."""

    conversation_id: ConversationId
    user_id: UserId


class Shared(msgspec.Struct, frozen=True):
    """What a deleted response may have had together with others."""

    log_id: UUID
    instructions_hash: bytes | None
    tools_hash: bytes | None


class StoredLog(msgspec.Struct, frozen=True):
    log_id: UUID
    events: bytes


class KeptThere(msgspec.Struct, frozen=True):
    """A response that an engine keeps."""

    response_id: ResponseId
    user_id: UserId
    engine: str
    engine_response_id: str


class ErasedBefore(msgspec.Struct, frozen=True):
    """A user whose rows are to be looked for once more."""

    project_id: ProjectId
    user_id: UserId
    erased_at: datetime


_sql = load(__file__)
_lock_tree = _sql.statement("lock_tree")
_delete_conversation = _sql.rows("delete_conversation", GoneConversation)
_list_own_spans = _sql.rows("list_own_spans", Span)
_delete_items = _sql.rows("delete_items", GoneItem)
_list_messages = _sql.statement("list_messages")
_clear_titles = _sql.rows("clear_titles", Untitled)
_delete_responses = _sql.rows("delete_responses", Shared)
_bury_turns = _sql.statement("bury_turns")
_delete_cache_entries = _sql.statement("delete_cache_entries")
_replace_log = _sql.statement("replace_log")
_get_log = _sql.rows("get_log", StoredLog)
_delete_logs = _sql.statement("delete_logs")
_hold_contents = _sql.statement("hold_contents")
_delete_contents = _sql.statement("delete_contents")
_delete_replies = _sql.statement("delete_replies")
_keep_erased = _sql.statement("keep_erased")
_delete_erased = _sql.statement("delete_erased")
_list_users_to_sweep = _sql.rows("list_users_to_sweep", ErasedBefore)
_list_spans_of = _sql.rows("list_spans_of", Span)
_delete_turns = _sql.statement("delete_turns")
_delete_branches = _sql.statement("delete_branches")
_lend_logs = _sql.statement("lend_logs")
_get_deleted_at = _sql.statement("get_deleted_at")
_list_kept_at_engine = _sql.statement("list_kept_at_engine")
_delete_some = _sql.statement("delete_some")
_delete_some_jobs = _sql.statement("delete_some_jobs")
_has_work_at_engine = _sql.statement("has_work_at_engine")
_delete_project = _sql.statement("delete_project")
_delete_engine_responses = _sql.rows("delete_engine_responses", KeptThere)


async def lock_tree(conn: Connection, project: ProjectId, turn_id: TurnId) -> None:
    await _lock_tree.run(conn, project=project, turn_id=turn_id)


async def delete_conversation(
    conn: Connection, project: ProjectId, conversation_id: ConversationId
) -> GoneConversation | None:
    return await _delete_conversation.one(conn, project=project, conversation_id=conversation_id)


async def list_own_spans(conn: Connection, project: ProjectId, head: TurnId) -> list[Span]:
    """The newest first."""
    return await _list_own_spans.all(conn, project=project, head_turn_id=head)


async def delete_items(
    conn: Connection, project: ProjectId, spans: Sequence[Span]
) -> list[GoneItem]:
    values: dict[str, Any] = {
        "branch_ids": [span.branch_id for span in spans],
        "from_positions": [span.from_position for span in spans],
        "untils": [span.until for span in spans],
    }
    return await _delete_items.all(conn, project=project, **values)


async def list_messages(
    conn: Connection, project: ProjectId, user_id: UserId, hashes: Sequence[bytes]
) -> list[dict[str, Any]]:
    return await _list_messages.values(conn, project=project, user_id=user_id, hashes=hashes)


async def clear_titles(
    conn: Connection, project: ProjectId, item_ids: Sequence[ItemId]
) -> list[Untitled]:
    return await _clear_titles.all(conn, project=project, item_ids=item_ids)


async def delete_responses(
    conn: Connection, project: ProjectId, response_ids: Sequence[ResponseId]
) -> list[Shared]:
    return await _delete_responses.all(conn, project=project, response_ids=response_ids)


async def bury_turns(conn: Connection, project: ProjectId, turn_ids: Sequence[TurnId]) -> None:
    await _bury_turns.run(conn, project=project, turn_ids=turn_ids)


async def delete_cache_entries(
    conn: Connection, project: ProjectId, response_ids: Sequence[ResponseId]
) -> int:
    return await _delete_cache_entries.run(conn, project=project, response_ids=response_ids)


async def replace_log(
    conn: Connection, project: ProjectId, response_id: ResponseId, log_id: UUID, events: bytes
) -> None:
    await _replace_log.run(
        conn, project=project, response_id=response_id, log_id=log_id, events=events
    )


async def get_log(
    conn: Connection, project: ProjectId, response_id: ResponseId
) -> StoredLog | None:
    return await _get_log.one(conn, project=project, response_id=response_id)


async def delete_logs(conn: Connection, project: ProjectId, log_ids: Sequence[UUID]) -> int:
    return await _delete_logs.run(conn, project=project, log_ids=log_ids)


async def hold_contents(
    conn: Connection, project: ProjectId, user_id: UserId, hashes: Sequence[bytes]
) -> None:
    await _hold_contents.run(conn, project=project, user_id=user_id, hashes=hashes)


async def delete_contents(
    conn: Connection, project: ProjectId, user_id: UserId, hashes: Sequence[bytes]
) -> int:
    return await _delete_contents.run(conn, project=project, user_id=user_id, hashes=hashes)


async def delete_replies(
    conn: Connection, project: ProjectId, response_ids: Sequence[ResponseId]
) -> int:
    return await _delete_replies.run(conn, project=project, response_ids=response_ids)


async def keep_erased(
    conn: Connection, project: ProjectId, user_id: UserId, seconds: float
) -> None:
    """To be swept after so long."""
    await _keep_erased.run(conn, project=project, user_id=user_id, seconds=seconds)


async def delete_erased(conn: Connection, project: ProjectId, user_id: UserId) -> None:
    await _delete_erased.run(conn, project=project, user_id=user_id)


async def list_users_to_sweep(conn: Connection, most: int) -> list[ErasedBefore]:
    return await _list_users_to_sweep.all(conn, most=most)


async def list_spans_of(
    conn: Connection, project: ProjectId, user_id: UserId, most: int
) -> list[Span]:
    return await _list_spans_of.all(conn, project=project, user_id=user_id, most=most)


async def delete_turns(
    conn: Connection, project: ProjectId, turn_ids: Sequence[TurnId]
) -> set[BranchId]:
    """The branches that they lay on."""
    return set(await _delete_turns.values(conn, project=project, turn_ids=turn_ids))


async def delete_branches(
    conn: Connection, project: ProjectId, branch_ids: Sequence[BranchId]
) -> None:
    await _delete_branches.run(conn, project=project, branch_ids=branch_ids)


async def lend_logs(conn: Connection, project: ProjectId, log_ids: Sequence[UUID]) -> None:
    await _lend_logs.run(conn, project=project, log_ids=log_ids)


async def delete_engine_responses(
    conn: Connection,
    project: ProjectId,
    response_ids: Sequence[ResponseId],
    first_item_id: UUID | None,
) -> list[KeptThere]:
    return await _delete_engine_responses.all(
        conn, project=project, response_ids=response_ids, first_item_id=first_item_id
    )


async def get_deleted_at(conn: Connection, project: ProjectId) -> datetime | None:
    found: datetime | None = await _get_deleted_at.value(conn, project=project)
    return found


async def list_kept_at_engine(conn: Connection, project: ProjectId, most: int) -> list[ResponseId]:
    return await _list_kept_at_engine.values(conn, project=project, most=most)


async def read_by_index(conn: Connection) -> None:
    """In this transaction. Under row security few rows are expected to pass, so that a scan of all
    would be planned to find some; here every row passes."""
    await conn.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")


async def delete_some(conn: Connection, project: ProjectId, table: str, most: int) -> int:
    return int(await _delete_some.value(conn, project=project, table=table, most=most))


async def delete_some_jobs(conn: Connection, project: ProjectId, most: int) -> int:
    return await _delete_some_jobs.run(conn, project=project, most=most)


async def has_work_at_engine(conn: Connection, project: ProjectId) -> bool:
    return bool(await _has_work_at_engine.value(conn, project=project))


async def delete_project(conn: Connection, project: ProjectId) -> None:
    await _delete_project.run(conn, project=project)


OF_USER = {
    name: _sql.statement(name)
    for name in (
        "delete_conversations_of",
        "delete_files_of",
        "delete_contents_of",
        "delete_blobs_of",
        "delete_entries_of",
        "delete_replies_of",
        "delete_settings_of",
        "delete_limit_counters_of",
        "delete_setting_changes_of",
        "delete_fact_counts_of",
        "delete_running_of",
        "delete_jobs_of",
        "unname_jobs",
        "unname_requests",
        "unplace_acts_of",
        "unplace_events_about",
        "delete_user",
    )
}


async def run_of(
    conn: Connection, project: ProjectId, user_id: UserId, name: str, most: int
) -> int:
    """One of OF_USER: how many rows it touched, of those without a bound all."""
    values = {"project": project, "user_id": user_id, "most": most}
    return await OF_USER[name].run(conn, **values)
