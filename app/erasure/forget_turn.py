"""Forgetting a turn, with all that came from it."""

from app.conversations import turns
from app.conversations.types import Turn
from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.queries import Span
from app.erasure.spans import Forgetting, forget_turns, forgetting
from app.erasure.types import Erased
from app.ids import ProjectId
from app.responses.cancel import end
from app.responses.parts import Parts
from app.responses.retrieve import find_response
from app.web.principal import Caller


async def forget_response(parts: Parts, caller: Caller, text: str) -> Erased:
    """One that still runs is ended first. Raises NotFound."""
    await end(parts, caller, text)
    return await _forget(parts.database, forgetting(parts), caller, text)


@again_if_crossed
async def _forget(database: Database, marked: Forgetting, caller: Caller, text: str) -> Erased:
    """Where a new turn says at this moment what is to be forgotten, its content is kept for it:
    the foreign key refuses, and the next try sees the new turn."""
    async with database.tenant(caller.project) as conn:
        stored = await find_response(conn, caller, text)
        turn = await turns.get_turn(conn, caller.project, stored.turn_id)
        assert turn is not None
        await queries.lock_tree(conn, caller.project, turn.turn_id)
        await find_response(conn, caller, text)  # another may have forgotten it meanwhile
        erased = await forget_turns(conn, marked, caller.project, turn, [_whole(turn)])
        return erased + await _forget_orphans(conn, marked, caller.project, turn)


def _whole(turn: Turn) -> Span:
    return Span(turn.turn_id, turn.branch_id, turn.start_position, turn.end_position, partly=False)


async def _forget_orphans(
    conn: Connection, marked: Forgetting, project: ProjectId, turn: Turn
) -> Erased:
    """Items that were added to a conversation that is gone, and that only this response kept."""
    spans = await queries.list_own_spans(conn, project, turn.turn_id)
    orphaned = [span for span in spans if span.orphaned]
    return await forget_turns(conn, marked, project, turn, orphaned) if orphaned else Erased()
