"""Ending a response before its end, wherever it is made."""

import asyncio

from app.conversations.context import find_conversation
from app.db.signals import send, wait
from app.errors import Unavailable
from app.ids import ProjectId, id_text
from app.responses import queries
from app.responses.follow import find_here, find_running
from app.responses.parts import Parts
from app.responses.resource import Resource
from app.responses.retrieve import get_response
from app.responses.types import RunningResponse
from app.web.principal import Caller

LOOK_AGAIN_SECONDS = 0.5
MARGIN_SECONDS = 10.0
"""Beyond the lease of a worker that may have died: for another to end its responses."""


async def cancel(parts: Parts, caller: Caller, text: str) -> Resource:
    """The response as it ended: what had ended before stays as it was. Raises NotFound, or
    Unavailable where its worker can't be reached in time."""
    await end(parts, caller, text)
    return await get_response(parts.database, caller, text)


async def end(parts: Parts, caller: Caller, text: str) -> None:
    """Returns when it runs no more. Raises Unavailable where it can't be ended in time."""
    deadline = asyncio.get_running_loop().time() + parts.config.worker_lease_seconds
    while not await _end(parts, caller, text):
        if asyncio.get_running_loop().time() > deadline + MARGIN_SECONDS:
            raise Unavailable("The response is being ended, which takes longer than it should.")


async def end_all_of(parts: Parts, caller: Caller, conversation: str) -> None:
    """All that run in a conversation, where others can see them. Raises ConversationNotFound, or
    Unavailable where they can't be ended in time."""
    async with parts.database.tenant(caller.project) as conn:
        found = await find_conversation(conn, caller, conversation)
        running = await queries.list_running_in(conn, caller.project, found.conversation_id)
    for response_id in running:
        await end(parts, caller, id_text("resp", response_id))


async def end_all_for(parts: Parts, caller: Caller) -> None:
    """All that run for the user of the caller, where others can see them. Raises Unavailable where
    they can't be ended in time."""
    async with parts.database.tenant(caller.project) as conn:
        running = await queries.list_running_of(conn, caller.project, caller.owner)
    for response_id in running:
        await end(parts, caller, id_text("resp", response_id))


async def end_all_in(parts: Parts, caller: Caller) -> None:
    """All that run in the project of the caller, likewise."""
    async with parts.database.tenant(caller.project) as conn:
        running = await queries.list_running(conn, caller.project)
    for response_id in running:
        await end(parts, caller, id_text("resp", response_id))


async def _end(parts: Parts, caller: Caller, text: str) -> bool:
    """Whether it has ended, or never was."""
    if run := find_here(parts, caller, text):
        run.cancel()
        await run.log.ended()
        await asyncio.sleep(0)  # its row is let go of right after
    running = await find_running(parts, caller, text)
    if running is None:
        return True
    await _ask(parts, caller.project, running)
    return False


async def _ask(parts: Parts, project: ProjectId, running: RunningResponse) -> None:
    async with parts.signals.about(running.response_id) as changed:
        async with parts.database.tenant(project) as conn:
            await queries.request_cancel(conn, project, running.response_id)
            await send(conn, running.worker_id)
        await wait(changed, LOOK_AGAIN_SECONDS)
