"""One compaction: the engine's summary, its line of the request log, its item."""

import time
from uuid import UUID

import msgspec

from app.blobs.take import NewImages
from app.contexts.compact import Compaction, Plan, compact
from app.contexts.compacted import Compacted
from app.contexts.seal import Sealed
from app.contexts.summarise import Summarising
from app.conversations.compactions import list_context
from app.conversations.types import NewCompaction
from app.engine.types import EngineRequest, Event, Item
from app.errors import EngineError
from app.ids import ItemId, RequestId, created_at, new_id
from app.limits.allowance import Allowance
from app.limits.spending import billed
from app.limits.usage import Usage, usage_in
from app.responses.opened import Opened
from app.responses.parts import Parts
from app.responses.types import Call
from app.usage.types import RequestRecord

PURPOSE = "compact"
SUMMARY_SHARE = 5
"""A summary takes a fifth of the threshold at most."""
SUMMARY_TOKENS_MIN = 64
WINDOW_SHARE = 2
"""Half of a window is filled with what is to be summarised: how much that is, is estimated."""
PIECE_TOKENS_DEFAULT = 24_000
"""Summarised in one call, where the window is not known."""


async def compaction_of(
    parts: Parts,
    call: Call,
    request: EngineRequest,
    plan: Plan,
    threshold: int,
    window: int | None,
) -> Compaction:
    """The call has a line of its own in the request log. Raises EngineError."""
    record = _record_of(parts, call, request.model)
    started = time.perf_counter()
    try:
        how = summarising(parts, request, threshold, window)
        compaction = await paid_compaction(call.allowance, how, plan, record)
    except EngineError as error:
        record.status, record.error_code = error.status, error.code
        raise
    finally:
        record.total_ms = (time.perf_counter() - started) * 1000
        parts.request_log.add(record)
    return compaction


async def paid_compaction(
    allowance: Allowance | None, how: Summarising, plan: Plan, record: RequestRecord
) -> Compaction:
    """Raises EngineError, TooManyRequests, or Unavailable."""
    expected = Usage(int(plan.summarised_tokens), how.summary_tokens)
    async with billed(allowance, how.model, expected) as bill:
        compaction = await compact(how, plan)
        record.input_tokens = compaction.usage.get("input_tokens")
        record.output_tokens = compaction.usage.get("output_tokens")
        record.cached_tokens = compaction.usage.get("cached_tokens")
        if compaction.usage:
            bill.used = usage_in(compaction.usage) or expected
    return compaction


def summarising(
    parts: Parts, request: EngineRequest, threshold: int, window: int | None
) -> Summarising:
    """How large a summary may be, and how much is summarised in one call."""
    most = max(threshold // SUMMARY_SHARE, SUMMARY_TOKENS_MIN)
    piece = PIECE_TOKENS_DEFAULT
    if window:
        piece = window // WINDOW_SHARE
        most = min(most, window // 4)
    return Summarising(
        engine=parts.engine,
        model=request.model,
        user=request.user,
        secret=request.secret,
        piece_tokens=piece,
        summary_tokens=min(parts.config.compact_summary_tokens, most),
        timeout_seconds=parts.config.compact_timeout_seconds,
    )


def _record_of(parts: Parts, call: Call, model: str) -> RequestRecord:
    request_id = RequestId(new_id())
    return RequestRecord(
        project_id=call.record.project_id,
        created_at=created_at(request_id),
        request_id=request_id,
        user_id=call.record.user_id,
        key_id=call.record.key_id,
        endpoint=call.record.endpoint,
        purpose=PURPOSE,
        model=model,
        engine=parts.engine.name,
    )


async def whole_item(
    parts: Parts, call: Call, opened: Opened, images: NewImages, compacted: Compacted
) -> Item:
    """Of a response that is not stored: all there is, images too."""
    project, user = call.caller.project, opened.context.user
    kept = await parts.images.shown(project, user, compacted.kept, images)
    whole = msgspec.structs.replace(compacted, kept=kept)
    return parts.seals.item(Sealed(compacted=whole), project, user)


def stored_item(parts: Parts, call: Call, opened: Opened, made: NewCompaction) -> Item:
    """What is stored is named by its item, and can be forgotten."""
    sealed = Sealed(stored=made.compaction_id)
    return parts.seals.item(sealed, call.caller.project, opened.context.user)


async def new_compaction(
    parts: Parts, call: Call, opened: Opened, inputs: list[ItemId], compacted: Compacted
) -> NewCompaction:
    return NewCompaction(
        compaction_id=new_id(),
        body=msgspec.json.encode(compacted),
        read=await _read(parts, call, opened),
        new=list(inputs),
    )


async def _read(parts: Parts, call: Call, opened: Opened) -> list[UUID]:
    """Also what is stored of the items that a client sent again."""
    context = opened.context
    if not context.resent or context.branch is None:
        return list(dict.fromkeys(opened.read))
    async with parts.database.tenant(call.caller.project) as conn:
        before = await list_context(
            conn,
            call.caller.project,
            context.branch,
            context.position,
            parts.config.context_items_max,
        )
    return list(dict.fromkeys([*opened.read, *(item.item_id for item in before)]))


def compaction_events(item: Item) -> list[Event]:
    """As an engine would tell of it: the first item, there at once."""
    return [
        {"type": "response.created", "response": {}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]


def shifted(event: Event) -> Event:
    """An event of an answer that comes after a compaction."""
    if isinstance(index := event.get("output_index"), int):
        return {**event, "output_index": index + 1}
    return event
