"""Putting a finished turn into the one statement that stores it."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import stamina

from app.blobs.store import keep_shown
from app.blobs.take import NewImages
from app.cache.types import CachePlan
from app.conversations.append import HeadMoved
from app.conversations.compactions import keep_compaction
from app.conversations.contents import (
    Content,
    Hasher,
    NewItem,
    content_values,
    item_type,
    item_values,
)
from app.conversations.context import Context, head_of
from app.conversations.history import extend_history
from app.conversations.thread import forked
from app.conversations.types import NewCompaction
from app.db.crossed import CROSSED
from app.db.database import Database
from app.db.signals import send
from app.db.sql import Connection
from app.errors import BackstoryError, Unavailable
from app.ids import BranchId, ResponseId, new_id
from app.responses import queries
from app.responses.complete import OutputItem
from app.responses.log import pack_aside
from app.responses.resource import Resource, shown_conversation
from app.responses.types import EngineCopy
from app.usage.types import RequestRecord
from app.web.idempotency import Claim
from app.web.principal import Caller

OWN_COLUMNS = frozenset(
    {
        "id", "object", "created_at", "completed_at", "status", "error", "instructions", "model",
        "output", "previous_response_id", "conversation", "tools", "usage", "store", "recalled",
    }
)  # fmt: skip
"""Fields of a response that have a column or are items; the rest is kept as one document."""


TRIED_AGAIN = (*CROSSED, Unavailable, asyncpg.UniqueViolationError)
MOVED_WAIT_SECONDS = (0.001, 0.05)
"""By chance, so that those who wait do not come together again."""


class LeaseLost(BackstoryError):
    """Another worker took the response over, since this one seemed dead."""

    status = 503
    code = "response_taken_over"


class TurnPlan(msgspec.Struct, kw_only=True):
    """What is known of a turn before its response has ended."""

    caller: Caller
    record: RequestRecord
    response_id: ResponseId
    context: Context
    conversation: str | None
    """As the request named it."""
    asked_model: str
    inputs: list[NewItem]
    recalled: list[UUID]
    remember: bool
    images: NewImages = msgspec.field(default_factory=NewImages)

    def packed(self) -> msgspec.Raw:
        """For the row of a running response, without what came before, and without images."""
        context = msgspec.structs.replace(self.context, items=[])
        plan = msgspec.structs.replace(self, context=context, images=NewImages())
        return msgspec.Raw(msgspec.json.encode(plan))


class FinishedTurn(msgspec.Struct, kw_only=True):
    """All that a finished response leaves behind."""

    plan: TurnPlan
    claim: Claim | None
    hasher: Hasher
    resource: Resource
    outputs: list[OutputItem]
    frames: list[bytes]
    events: bytes | None = None
    """The frames, packed; none where they are shared."""
    replayed: UUID | None
    """The log of the response that this one was replayed from: it is shared."""
    cache: CachePlan | None
    copy: EngineCopy | None = None
    """What the engine keeps of it."""
    compaction: NewCompaction | None = None
    worker_id: UUID | None = None
    """Who had it as a running response, where others could see it."""


async def commit(database: Database, turn: FinishedTurn, *, retry_seconds: float) -> None:
    """Returns when the turn is durable. Raises Unavailable when it could not be made so in time.

    A commit whose answer was lost may have happened: the next try then meets its own rows. One
    that met the deletion of what it shares brings it along at the next try, its own log too.
    Raises LeaseLost where another worker has ended it.
    """
    if not turn.replayed:
        turn.events = await pack_aside(turn.frames)
    try:  # a retry context costs as much as a query: only where it is needed
        await _commit_once(database, turn)
    except (*TRIED_AGAIN, LeaseLost) as refused:
        await _commit_again(database, turn, refused, retry_seconds)


async def _commit_again(
    database: Database, turn: FinishedTurn, refused: Exception, retry_seconds: float
) -> None:
    """Its place is found when it is put there: found before a wait, others would take it."""
    moved = isinstance(refused, HeadMoved)
    turn.replayed = None
    turn.events = turn.events or await pack_aside(turn.frames)
    async for attempt in stamina.retry_context(
        on=_tried_again, attempts=None, timeout=retry_seconds, wait_initial=0.1, wait_max=1.0
    ):
        with attempt:
            if moved:
                await _find_place_again(database, turn)
                moved = False
            try:
                await _commit_once(database, turn)
            except HeadMoved:
                moved = True
                raise
            except (asyncpg.UniqueViolationError, LeaseLost):
                await _check_ours(database, turn)


def _tried_again(error: Exception) -> bool | float:
    """Whether, or in how many seconds: who adds to a busy conversation is soon done."""
    if isinstance(error, HeadMoved):
        return random.uniform(*MOVED_WAIT_SECONDS)  # noqa: S311 - no secret
    return isinstance(error, TRIED_AGAIN)


async def _check_ours(database: Database, turn: FinishedTurn) -> None:
    """Whether the rows that are there are of our own commit. Raises LeaseLost."""
    project = turn.plan.caller.project
    async with database.tenant(project) as conn:
        stored = await queries.get_response(conn, project, turn.plan.response_id)
    if stored is None or (stored.status, stored.error) != (
        turn.resource["status"],
        turn.resource["error"],
    ):
        raise LeaseLost("Another worker has ended this response.")


async def _commit_once(database: Database, turn: FinishedTurn) -> None:
    """Raises HeadMoved where another turn is at its place."""
    async with database.tenant(turn.plan.caller.project) as conn:
        await _end_lease(conn, turn)
        values = _values(turn)
        committed = await queries.commit_turn(conn, values)
        if turn.plan.context.conversation and not committed.moved:
            raise HeadMoved
        await _keep_images(conn, turn, values)
        await _keep_copy(conn, turn)
        if turn.compaction:
            await _keep_compaction(conn, turn, committed.branch_id)


async def _end_lease(conn: Connection, turn: FinishedTurn) -> None:
    """First, since it waits for a worker that takes the response over right now. Raises
    LeaseLost."""
    if turn.worker_id is None:
        return
    plan = turn.plan
    project = plan.caller.project
    if not await queries.delete_running(conn, project, plan.response_id, turn.worker_id):
        raise LeaseLost("This response is no longer this worker's.")
    await send(conn, plan.response_id)


async def _keep_images(conn: Connection, turn: FinishedTurn, values: dict[str, Any]) -> None:
    contents = zip(values["content_hashes"], map(bytes, values["content_bodies"]), strict=True)
    project, user = turn.plan.caller.project, turn.plan.context.user
    await keep_shown(conn, project, user, list(contents), turn.plan.images)


async def _keep_copy(conn: Connection, turn: FinishedTurn) -> None:
    """A turn that found another place meanwhile continues something else than its engine knows."""
    if turn.copy is None:
        return
    context = turn.plan.context
    await queries.insert_engine_response(
        conn,
        turn.plan.caller.project,
        turn.plan.response_id,
        context.user,
        turn.copy,
        continuable=turn.resource["status"] in ("completed", "incomplete")
        and context.parent == turn.copy.parent,
    )


async def _keep_compaction(conn: Connection, turn: FinishedTurn, branch: BranchId) -> None:
    """Its item is the first of the output; it falls with that, too."""
    assert turn.compaction is not None
    new = [*turn.compaction.new, turn.outputs[0].item_id]
    made = msgspec.structs.replace(turn.compaction, new=new)
    plan = turn.plan
    project, user = plan.caller.project, plan.context.user
    place = plan.context.position + len(plan.inputs)
    await keep_compaction(conn, project, user, branch, place, made)


async def _find_place_again(database: Database, turn: FinishedTurn) -> None:
    """Two turns at once in one conversation: the later one comes after the other. One that
    continued the head by its response, or by sending all again, is a fork now."""
    plan = turn.plan
    if plan.conversation is None:
        plan.context = forked(plan.context)
        turn.resource["conversation"] = shown_conversation(plan.context.conversation)
        return
    turn.compaction = None  # it does not know of the turn that came between
    async with database.tenant(plan.caller.project) as conn:
        plan.context = await head_of(conn, plan.caller, plan.conversation)


def _values(turn: FinishedTurn) -> dict[str, Any]:
    plan = turn.plan
    items = plan.inputs + [turn.hasher.item(output.item, output.item_id) for output in turn.outputs]
    contents = [item.content for item in items]
    instructions, tools = _shared_contents(turn, contents)
    context = plan.context
    return {
        "project": plan.caller.project,
        "user_id": context.user,
        "response_id": plan.response_id,
        "parent_turn_id": context.parent,
        "previous_response_id": context.parent if turn.resource["previous_response_id"] else None,
        "conversation_id": context.conversation,
        "begins_conversation": context.begins,
        "resent": bool(context.resent),
        "branch_id": context.branch,
        "new_branch_id": new_id(),
        "start_position": context.position,
        "output_position": context.position + len(plan.inputs),
        "end_position": context.position + len(items),
        "history_hash": extend_history(context.history_hash, items),
        "instructions_hash": instructions,
        "tools_hash": tools,
        "log_id": turn.replayed or plan.response_id,
        "events": turn.events,
        "recalled": plan.recalled,
        "outbox_id": new_id() if plan.remember else None,
        "title_job_id": new_id() if _has_answer(turn) else None,
        "asked_model": plan.asked_model,
        **content_values(contents),
        **item_values(items),
        **_response_values(turn.resource),
        **_request_values(turn),
        **_cache_values(turn),
        **_claim_values(turn),
    }


def _has_answer(turn: FinishedTurn) -> bool:
    """Then its conversation can have a title, if it has none yet."""
    return any(item_type(output.item) == "message" for output in turn.outputs)


def _shared_contents(
    turn: FinishedTurn, contents: list[Content]
) -> tuple[bytes | None, bytes | None]:
    """Instructions and tools are contents too: an agent sends the same ones every time."""
    hashes: list[bytes | None] = []
    for value in (turn.resource["instructions"], turn.resource["tools"]):
        if not value:
            hashes.append(None)
            continue
        content = turn.hasher.content(value)
        contents.append(content)
        hashes.append(content.hash)
    return hashes[0], hashes[1]


def _response_values(resource: Resource) -> dict[str, Any]:
    completed_at = resource["completed_at"]
    return {
        "status": resource["status"],
        "model": resource["model"],
        "created_at": datetime.fromtimestamp(resource["created_at"], UTC),
        "completed_at": datetime.fromtimestamp(completed_at, UTC) if completed_at else None,
        "fields": {name: value for name, value in resource.items() if name not in OWN_COLUMNS},
        "usage": resource["usage"],
        "error": resource["error"],
    }


def _request_values(turn: FinishedTurn) -> dict[str, Any]:
    record = msgspec.structs.asdict(turn.plan.record)
    record["request_created_at"] = record.pop("created_at")
    record["request_model"] = record.pop("model")
    record["http_status"] = record.pop("status")
    for name in ("project_id", "user_id", "response_id"):
        del record[name]
    return record


def _cache_values(turn: FinishedTurn) -> dict[str, Any]:
    plan = turn.cache
    if plan is None or not plan.write or turn.resource["status"] != "completed":
        names = ("user_id", "namespace", "key", "tags", "created_at", "expires_at")
        return {f"cache_{name}": None for name in names}
    now = datetime.now(UTC)
    return {
        "cache_user_id": plan.user,
        "cache_namespace": plan.namespace,
        "cache_key": plan.key,
        "cache_tags": plan.tags,
        "cache_created_at": now,
        "cache_expires_at": now + timedelta(seconds=plan.ttl_seconds),
    }


def _claim_values(turn: FinishedTurn) -> dict[str, Any]:
    """A failed response is nobody's answer: its key is free for another attempt."""
    claim = turn.claim if turn.resource["status"] != "failed" else None
    return {
        "principal_id": claim.principal.id if claim else None,
        "key_hash": claim.key_hash if claim else None,
        "claim_id": claim.claim_id if claim else None,
    }
