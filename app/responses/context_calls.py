"""What can be asked about a context without a response: how large it is, and a smaller one."""

import time
from typing import NamedTuple

import msgspec

from app.blobs.take import NewImages
from app.contexts.compact import plan_compaction
from app.contexts.compacted import Compacted
from app.contexts.seal import Sealed
from app.conversations.contents import shown
from app.conversations.context import Context
from app.conversations.references import with_references
from app.engine.types import EngineRequest, Item
from app.ids import ItemId, id_text, new_id
from app.limits.allowance import Allowance
from app.responses.compaction import PURPOSE, paid_compaction, summarising
from app.responses.context_request import UNNAMED
from app.responses.opened import Opened, opened
from app.responses.parts import Parts
from app.responses.resource import full_usage
from app.responses.size import estimated, measured
from app.responses.survey import engine_request, named_context
from app.responses.types import CompactedContext, CountedTokens, CreateRequest
from app.settings.models import check_model
from app.usage.types import RequestRecord
from app.web.principal import Caller

KEEP_SHARE = 3
"""What is asked to be compacted keeps a third at most as it is."""


class Asked(NamedTuple):
    """A context, and what the engine would get of it."""

    seen: Opened
    request: EngineRequest
    images: NewImages


async def count_tokens(parts: Parts, caller: Caller, request: CreateRequest) -> CountedTokens:
    """By the engine's own counter, where it has one; else an estimate."""
    seen, asked, _ = await _seen(parts, caller, request)
    counted = await parts.engine.count(asked) if asked.model != UNNAMED else None
    if counted is None:
        counted = await estimated(parts, caller.project, seen, asked)
    return CountedTokens(input_tokens=counted)


async def compact_context(
    parts: Parts,
    caller: Caller,
    request: CreateRequest,
    record: RequestRecord,
    allowance: Allowance | None,
) -> CompactedContext:
    """Nothing of it is stored. Raises EngineError where the engine gives no summary."""
    with parts.runs.place():
        seen, asked, images = await _seen(parts, caller, request)
        size = measured(asked, await estimated(parts, caller.project, seen, asked))
        keep = min(parts.config.compact_keep_tokens, size.tokens / KEEP_SHARE)
        window = await parts.windows.tokens(asked.model)
        record.purpose, record.model, record.engine = PURPOSE, asked.model, parts.engine.name
        record.user_id = seen.context.user
        how = summarising(parts, asked, int(size.tokens), window)
        plan = plan_compaction(asked.input, size.weights, keep)
        compaction = await paid_compaction(allowance, how, plan, record)
    compacted = compaction.compacted
    kept = await parts.images.shown(caller.project, seen.context.user, compacted.kept, images)
    compacted = msgspec.structs.replace(compacted, kept=kept)
    return _answer(parts, caller, seen, compacted, compaction.usage)


async def _seen(parts: Parts, caller: Caller, request: CreateRequest) -> Asked:
    if request.fields.model != UNNAMED:
        await check_model(parts.settings, caller.principal, request.fields.model)
    images = await parts.images.take(caller, request.items)
    request.items = await with_references(
        parts.database, caller, images.items, parts.config.body_bytes_max
    )
    context = await named_context(parts, caller, request) or Context(user=caller.owner)
    seen = await opened(parts, caller.project, context, request.items)
    asked = await engine_request(parts, caller.project, request, seen, images)
    return Asked(seen, asked, images)


def _answer(
    parts: Parts, caller: Caller, seen: Opened, compacted: Compacted, usage: dict[str, int]
) -> CompactedContext:
    """The compaction first: it stands for all before it, and what is kept comes after it."""
    sealed = Sealed(compacted=msgspec.structs.replace(compacted, kept=[]))
    compaction = parts.seals.item(sealed, caller.project, seen.context.user)
    return CompactedContext(
        id=id_text("resp", new_id()),
        created_at=int(time.time()),
        output=[_shown(item) for item in (compaction, *compacted.kept)],
        usage=_usage(usage),
    )


def _shown(item: Item) -> Item:
    return shown(ItemId(new_id()), "completed", item)


def _usage(counted: dict[str, int]) -> dict[str, object]:
    usage = full_usage(
        {
            "input_tokens": counted.get("input_tokens", 0),
            "output_tokens": counted.get("output_tokens", 0),
            "input_tokens_details": {"cached_tokens": counted.get("cached_tokens", 0)},
            "output_tokens_details": {"reasoning_tokens": counted.get("reasoning_tokens", 0)},
        }
    )
    assert usage is not None
    return usage
