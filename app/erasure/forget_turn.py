"""Forgetting a turn, with all that came from it."""

import asyncpg
import stamina

from app.conversations import turns
from app.conversations.types import Turn
from app.db.database import Database
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.queries import Span
from app.erasure.spans import forget_turns
from app.ids import ProjectId
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
                whole = Span(
                    turn.turn_id,
                    turn.branch_id,
                    turn.start_position,
                    turn.end_position,
                    partly=False,
                )
                await queries.lock_tree(conn, caller.project, turn.turn_id)
                await forget_turns(conn, caller.project, turn, [whole])
                await _forget_orphans(conn, caller.project, turn)


async def _forget_orphans(conn: Connection, project: ProjectId, turn: Turn) -> None:
    """Items that were added to a conversation that is gone, and that only this response kept."""
    spans = await queries.list_own_spans(conn, project, turn.turn_id)
    if orphaned := [span for span in spans if span.orphaned]:
        await forget_turns(conn, project, turn, orphaned)
