"""Making a context fit: it is compacted or truncated before the engine sees it, if that was asked.

What is stored stays as it is. A compaction is the first item of the response's output.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

import msgspec
import structlog

from app.blobs.take import NewImages
from app.contexts.compact import Plan, plan_compaction
from app.contexts.compacted import with_recalled
from app.conversations.types import NewCompaction
from app.engine.types import Batch, EngineRequest, Item
from app.errors import EngineError
from app.ids import ItemId
from app.responses.compaction import (
    compaction_events,
    compaction_of,
    new_compaction,
    shifted,
    stored_item,
    whole_item,
)
from app.responses.opened import Opened
from app.responses.parts import Parts
from app.responses.size import estimated, measured, resized
from app.responses.truncating import stream_truncated
from app.responses.types import Call, CreateRequest
from app.settings.types import GatewaySettings

log = structlog.get_logger()

THRESHOLD_DEFAULT = 200_000
THRESHOLD_OF_WINDOW = 0.8
KEEP_SHARE = 4
"""The newest turns take a fourth of the threshold at most."""
WORTH_SHARE = 8
"""A compaction has to take away an eighth of the threshold, or it is not worth its call."""


class Turn(NamedTuple):
    """What a turn adds."""

    inputs: list[ItemId]
    """Its items, where it is stored."""
    recalled: list[Item]
    images: NewImages


class Fit(msgspec.Struct, kw_only=True):
    """What is to be done about the size of a context."""

    call: Call
    opened: Opened
    turn: Turn
    tokens: int | None
    """An estimate, where one was needed."""
    window: int | None
    threshold: int
    plan: Plan | None
    """What to compact, where the threshold is passed."""
    truncates: bool
    made: NewCompaction | None = None
    """The compaction, to be stored with the turn."""

    @property
    def compacts(self) -> bool:
        return self.plan is not None


async def plan_fit(
    parts: Parts,
    call: Call,
    settings: GatewaySettings,
    opened: Opened,
    request: EngineRequest,
    turn: Turn,
) -> Fit | None:
    """None where nothing is to be done: the engine gets all, and says if it is too much."""
    truncates = call.request.parameters.get("truncation") == "auto"
    if not truncates and not _compacting_asked(call.request, settings):
        return None
    window = await parts.windows.tokens(request.model)
    threshold = _threshold(call.request, settings, window)
    tokens = None
    if threshold or window:
        tokens = await estimated(parts, call.caller.project, opened, request)
    plan = _plan(parts, request, threshold, tokens)
    if plan is None and not truncates:
        return None
    return Fit(
        call=call,
        opened=opened,
        turn=turn,
        tokens=tokens,
        window=window,
        threshold=threshold or 0,
        plan=plan,
        truncates=truncates,
    )


def _compacting_asked(request: CreateRequest, settings: GatewaySettings) -> bool:
    """A setting is for contexts that we keep: a client that keeps its own would have to send the
    compaction again, and may not know of such items."""
    if request.fields.context_management is not None:
        return bool(request.fields.context_management)
    continues = request.fields.previous_response_id or request.conversation
    return bool(settings.compact_threshold and continues)


def _threshold(request: CreateRequest, settings: GatewaySettings, window: int | None) -> int | None:
    if not _compacting_asked(request, settings):
        return None
    for entry in request.fields.context_management or []:
        if entry.compact_threshold:
            return entry.compact_threshold
    if settings.compact_threshold:
        return settings.compact_threshold
    return int(window * THRESHOLD_OF_WINDOW) if window else THRESHOLD_DEFAULT


def _plan(
    parts: Parts, request: EngineRequest, threshold: int | None, tokens: int | None
) -> Plan | None:
    if threshold is None or tokens is None or tokens <= threshold:
        return None
    size = measured(request, tokens)
    keep = min(parts.config.compact_keep_tokens, threshold // KEEP_SHARE)
    plan = plan_compaction(request.input, size.weights, keep)
    return plan if plan.summarised_tokens * WORTH_SHARE >= threshold else None


async def fitted(parts: Parts, fit: Fit, request: EngineRequest) -> AsyncGenerator[Batch]:
    """The engine's events, with a compaction before them where one was made."""
    compaction = await _compact(parts, fit, request) if fit.plan else None
    size = measured(request, fit.tokens) if fit.truncates and fit.window else None
    if compaction:
        item, input_ = compaction
        yield compaction_events(item)
        request = msgspec.structs.replace(request, input=input_)
        size = size and resized(size, input_)
    stream = (
        stream_truncated(parts, request, size, fit.window)
        if fit.truncates
        else parts.engine.stream(request)
    )
    async with aclosing(stream) as batches:
        async for batch in batches:
            yield list(map(shifted, batch)) if compaction else batch


async def _compact(
    parts: Parts, fit: Fit, request: EngineRequest
) -> tuple[Item, list[Item]] | None:
    """The compaction's item, and what the engine gets then. None where no summary could be had:
    the context is sent as it is, and the engine says if it is too much."""
    assert fit.plan is not None
    try:
        compaction = await compaction_of(
            parts, fit.call, request, fit.plan, fit.threshold, fit.window
        )
    except EngineError as error:
        log.warning("compaction.left_out", why=error.code, message=error.message)
        return None
    compacted = compaction.compacted
    if fit.call.request.store:
        fit.made = await new_compaction(parts, fit.call, fit.opened, fit.turn.inputs, compacted)
        item = stored_item(parts, fit.call, fit.opened, fit.made)
    else:
        item = await whole_item(parts, fit.call, fit.opened, fit.turn.images, compacted)
    return item, with_recalled(compacted.rendered(), fit.turn.recalled)
