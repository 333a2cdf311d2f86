"""Forgetting a turn, with all that came from it."""

import asyncpg
import stamina

from app.conversations import turns
from app.conversations.types import Turn
from app.db.database import Database
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.at_engine import forget_at_engine
from app.ids import ProjectId, ResponseId
from app.jobs.outbox import cancel
from app.memory.forget import forget_by_source
from app.responses.retrieve import find_response
from app.web.principal import Caller

ATTEMPTS = 5
CROSSED = (asyncpg.ForeignKeyViolationError, asyncpg.DeadlockDetectedError)
"""What comes of two that write about the same contents at once."""


async def forget_response(database: Database, caller: Caller, response_id: str) -> None:
    """Raises NotFound. Where a new turn says at this moment what is to be forgotten, its content
    is kept for it: the foreign key refuses, and the next try sees the new turn."""
    async for attempt in stamina.retry_context(on=CROSSED, attempts=ATTEMPTS, wait_initial=0.05):
        with attempt:
            async with database.tenant(caller.project) as conn:
                stored = await find_response(conn, caller, response_id)
                turn = await turns.get_turn(conn, caller.project, stored.turn_id)
                assert turn is not None
                await _forget(conn, caller.project, turn)


async def _forget(conn: Connection, project: ProjectId, turn: Turn) -> None:
    response_id = ResponseId(turn.turn_id)
    # First, since it waits for the worker that remembers this turn right now, if one does.
    await cancel(conn, project, "remember_turn", [turn.turn_id])
    await forget_at_engine(conn, project, turn)
    items = await turns.list_items(
        conn, project, turn.branch_id, turn.start_position, turn.end_position
    )
    await forget_by_source(conn, project, "item", [item.item_id for item in items])
    hashes = await queries.delete_items(conn, project, turn)
    await queries.delete_replies(conn, project, response_id)
    await queries.delete_cache_entries(conn, project, response_id)
    if shared := await queries.delete_response(conn, project, response_id):
        hashes += [hash_ for hash_ in (shared.instructions_hash, shared.tools_hash) if hash_]
        await queries.delete_log(conn, project, shared.log_id)
    await queries.bury_turn(conn, project, turn.turn_id)
    await queries.delete_contents(conn, project, turn.user_id, hashes)
