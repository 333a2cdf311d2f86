"""Summarising what a client names, while it waits: the rest, if it is long, in the background."""

import asyncio
import time

import msgspec
from litestar.types import Scope as HttpScope

from app.conversations.context import find_conversation
from app.conversations.path import list_path_ids
from app.db.sql import Connection
from app.errors import InvalidRequest
from app.ids import ConversationId
from app.memory.bodies import conversation_id
from app.memory.read import read_memories
from app.memory.show import shown
from app.settings.models import check_model
from app.summaries import queries
from app.summaries.about import About, conversation_key, episode_key
from app.summaries.bodies import SummarizeBody, SummarizeEpisodeBody
from app.summaries.enqueue import enqueue_once
from app.summaries.parts import SummaryParts
from app.summaries.summarise import summarise_step, way_of
from app.summaries.types import SummaryAnswer
from app.summaries.write import Way
from app.web.principal import Caller, Scope

REMEMBERED_SECONDS_MAX = 2.0
"""How long is waited for what was said last to be remembered."""
POLL_SECONDS = 0.05


async def summarize_conversation(
    parts: SummaryParts, caller: Caller, text: str, asked: SummarizeBody, scope: HttpScope
) -> SummaryAnswer:
    """Raises ConversationNotFound, InvalidRequest, EngineError, TooManyRequests."""
    async with parts.database.tenant(caller.project) as conn:
        found = await find_conversation(conn, caller, text)
    await _wait_until_remembered(parts, caller, found.conversation_id)
    about = About(caller.project, found.user_id, conversation_key(found.conversation_id))
    endpoint = "POST /v1/conversations/{conversation_id}/summarize"
    return await _summarize(parts, caller, about, asked, endpoint, scope)


async def summarize_episode(
    parts: SummaryParts, caller: Caller, asked: SummarizeEpisodeBody, scope: HttpScope
) -> SummaryAnswer:
    """Raises InvalidRequest, EngineError, TooManyRequests."""
    key = episode_key(conversation_id(asked.conversation), asked.episode)
    about = About(caller.project, caller.owner, key)
    return await _summarize(parts, caller, about, asked, "POST /v1/memories/summarize", scope)


async def _wait_until_remembered(
    parts: SummaryParts, caller: Caller, conversation: ConversationId
) -> None:
    """Who summarises right after a turn means that turn too."""
    until = time.monotonic() + REMEMBERED_SECONDS_MAX
    while await _is_remembering(parts, caller, conversation) and time.monotonic() < until:
        parts.jobs.wake("remember_turn")
        await asyncio.sleep(POLL_SECONDS)


async def _is_remembering(
    parts: SummaryParts, caller: Caller, conversation: ConversationId
) -> bool:
    project, most = caller.project, parts.config.context_items_max
    async with parts.database.tenant(project) as conn:
        ids = await list_path_ids(conn, project, conversation, most)
        return await queries.is_remembering(conn, project, ids)


async def _summarize(
    parts: SummaryParts,
    caller: Caller,
    about: About,
    asked: SummarizeBody,
    endpoint: str,
    scope: HttpScope,
) -> SummaryAnswer:
    way = await _way_of(parts, caller, about, asked, endpoint)
    if way.method == "engine":
        allowance = await parts.limiter.admit(caller, scope)
        way = msgspec.structs.replace(way, allowance=allowance)
    until = time.monotonic() + parts.config.summarize_timeout_seconds
    more = True
    while more and time.monotonic() < until:
        more = (await summarise_step(parts, about, way, _nothing_else)).more
    async with parts.database.tenant(about.project) as conn:
        if more:
            rest = {"about": about.key, "method": way.method, "model": way.model}
            await enqueue_once(conn, about, rest)
        answer = await _answer(conn, parts, about)
    parts.jobs.wake("summarize")
    return msgspec.structs.replace(answer, has_more=more)


async def _way_of(
    parts: SummaryParts, caller: Caller, about: About, asked: SummarizeBody, endpoint: str
) -> Way:
    way = await way_of(parts, about, endpoint, asked.method, asked.model)
    if asked.method == "engine" and way.method != "engine":
        raise InvalidRequest(
            "Name the 'model' that summarises: nothing says which one does.", param="model"
        )
    if way.method == "engine":
        caller.principal.must_have(Scope.ENGINE)
        if asked.model is not None:
            await check_model(parts.settings, caller.principal, asked.model)
    return msgspec.structs.replace(way, key_id=caller.principal.key)


async def _nothing_else(conn: Connection, more: bool) -> None:
    """A request has no row in the outbox to end."""


async def _answer(conn: Connection, parts: SummaryParts, about: About) -> SummaryAnswer:
    current = await queries.find_current(conn, about.project, about.user, about.key)
    if current is None:
        return SummaryAnswer(memory=None, method=None, model=None, messages=0, has_more=False)
    stored = await read_memories(conn, about.project, [current.memory_id])
    names = await parts.users.names(conn, about.project, {about.user})
    return SummaryAnswer(
        memory=shown(stored[current.memory_id], names),
        method=current.method,
        model=current.model,
        messages=current.messages,
        has_more=False,
    )
