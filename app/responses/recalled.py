"""What memory adds to a prompt: quoted as data with its source, sent to the engine, not stored."""

import asyncio
import math
from typing import Any
from uuid import UUID

import msgspec
import structlog

from app.conversations.contents import canonical, message_text, user_message
from app.conversations.context import Context
from app.engine.types import Item
from app.errors import InvalidRequest, Unavailable
from app.ids import ProjectId, id_text, parse_id
from app.memory.types import Memory
from app.recall.pack import pack, quoted, quoted_wishes, tokens_in
from app.recall.recall import recall
from app.recall.score import BEHIND_MAX, FITS_MIN
from app.recall.types import Asked, Reach
from app.responses.parts import Parts
from app.responses.types import CreateRequest, MemoryOptions, RecallOptions
from app.responses.wishes import WISHES_SHARE, pack_wishes, wishes_of
from app.summaries.entries import Told
from app.web.body import convert

log = structlog.get_logger()

QUERY_CHARS_MAX = 4_000


class MemoryPlan(msgspec.Struct, frozen=True):
    recall: RecallOptions | None
    remember: bool


class Recollection(msgspec.Struct, frozen=True):
    items: list[Item] = []
    memory_ids: list[UUID] = []


def memory_plan(request: CreateRequest, default: Any) -> MemoryPlan:
    """What the request asks of memory wins over the setting; else it remembers what it stores."""
    asked = request.fields.memory if request.fields.memory is not None else default
    if asked is None:
        return MemoryPlan(None, request.store)
    if isinstance(asked, bool):
        return MemoryPlan(RecallOptions() if asked else None, asked and request.store)
    options = convert(asked, MemoryOptions, "memory")
    if options.remember and not request.store and request.fields.memory is not None:
        raise InvalidRequest(
            "'memory.remember' needs 'store': nothing is remembered of what is not stored.",
            param="memory.remember",
        )
    recall = RecallOptions() if options.recall is True else options.recall or None
    return MemoryPlan(recall, request.store and options.remember is not False)


async def recollect(
    parts: Parts, project: ProjectId, context: Context, new: list[Item], plan: MemoryPlan
) -> Recollection:
    """In a bounded time, and without it where the time is over: an answer matters more."""
    query = _last_said(new)
    if plan.recall is None or not query:
        return Recollection()
    try:
        async with asyncio.timeout(parts.config.recall_timeout_seconds):
            found = await recall(
                parts.database,
                parts.embedder,
                parts.users,
                Reach(project=project, users=[context.user]),
                _asked(query, plan.recall),
                embed_seconds_max=parts.config.recall_timeout_seconds / 2,
                exact_max=parts.config.recall_exact_max,
                reranker=parts.reranker,
            )
            wishes = await wishes_of(parts, project, context, new)
    except (TimeoutError, Unavailable) as error:
        log.warning("recall.left_out", why=type(error).__name__)
        return Recollection()
    memories = _unsaid([entry.memory for entry in found.data], context, new)
    told = _joined(memories, wishes, plan.recall.token_budget)
    parts.uses.note(project, told.memory_ids)
    return told


def _last_said(items: list[Item]) -> str:
    """The text of the last user message that is new."""
    for item in reversed(items):
        if item.get("role") == "user" and (text := message_text(canonical(item)).strip()):
            return text[:QUERY_CHARS_MAX]
    return ""


def _asked(query: str, options: RecallOptions) -> Asked:
    return Asked(
        query=query,
        limit=options.limit,
        token_budget=options.token_budget,
        min_score=options.min_score or 0.0,
        fits_min=FITS_MIN if options.min_score is None else 0.0,
        behind_max=BEHIND_MAX if options.min_score is None else math.inf,
    )


def _unsaid(memories: list[Memory], context: Context, new: list[Item]) -> list[Memory]:
    """What stands in the context anyway is not said twice, nor what the client says again."""
    there = {id_text("mem", item.item_id) for item in context.items}
    said = {message_text(canonical(item)) for item in new}
    return [memory for memory in memories if memory.id not in there and memory.content not in said]


def _joined(memories: list[Memory], wishes: list[Told], token_budget: int) -> Recollection:
    """As one message: what fits, and behind it the wishes."""
    asked = pack_wishes(wishes, token_budget // WISHES_SHARE)
    others = [memory for memory in memories if memory.content.strip() not in asked.said]
    packed = pack(others, token_budget - tokens_in(asked.text))
    blocks = [quoted(packed.text)] if packed.text else []
    blocks += [quoted_wishes(asked.text)] if asked.text else []
    if not blocks:
        return Recollection()
    ids = [parsed for memory in packed.memories if (parsed := parse_id("mem", memory.id))]
    unique = list(dict.fromkeys([*ids, *asked.memory_ids]))
    return Recollection([user_message("\n\n".join(blocks))], unique)
