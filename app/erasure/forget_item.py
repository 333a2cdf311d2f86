"""Forgetting one item: it leaves its conversation, and the forks that share it.

Its position stays empty. Its turn and its response stay, without it; the events of the response
that told it are forgotten too.
"""

from app.conversations import turns
from app.conversations.path import find_item, path_of
from app.conversations.types import PathItem, Turn
from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.queries import Span
from app.erasure.spans import (
    Forgetting,
    forget_contents,
    forget_entries,
    forget_said,
    forgetting,
)
from app.erasure.types import Erased
from app.ids import ProjectId, ResponseId, new_id
from app.responses.log import without_output
from app.responses.parts import Parts
from app.web.principal import Caller


async def forget_item(parts: Parts, caller: Caller, conversation: str, text: str) -> Erased:
    """Raises ConversationNotFound or NotFound."""
    erased = await _forget(parts.database, forgetting(parts), caller, conversation, text)
    parts.jobs.wake("title_conversation")
    return erased


@again_if_crossed
async def _forget(
    database: Database, marked: Forgetting, caller: Caller, conversation: str, text: str
) -> Erased:
    async with database.tenant(caller.project) as conn:
        path = await path_of(conn, caller, conversation)
        item = await find_item(conn, caller.project, path, text)
        return await _forget_found(conn, marked, caller.project, item)


async def _forget_found(
    conn: Connection, marked: Forgetting, project: ProjectId, item: PathItem
) -> Erased:
    turn = await turns.get_turn(conn, project, item.turn_id)
    assert turn is not None
    span = Span(item.turn_id, item.branch_id, item.position, item.position + 1, partly=True)
    gone, erased = await forget_said(conn, marked, project, turn, [span])
    entries = await forget_entries(conn, project, [ResponseId(turn.turn_id)])
    if item.position >= turn.output_position:
        await _forget_events(conn, project, turn, item.position)
    hashes = [one.content_hash for one in gone]
    erased += await forget_contents(conn, project, turn.user_id, hashes)
    return erased + Erased(cache_entries=entries)


async def _forget_events(conn: Connection, project: ProjectId, turn: Turn, position: int) -> None:
    """A log may be shared with the responses that were replayed from it: they keep it."""
    response_id = ResponseId(turn.turn_id)
    log = await queries.get_log(conn, project, response_id)
    if log is None:
        return
    before = await turns.list_items(conn, project, turn.branch_id, turn.output_position, position)
    events = without_output(log.events, len(before))
    await queries.replace_log(conn, project, response_id, new_id(), events)
    await queries.delete_logs(conn, project, [log.log_id])
