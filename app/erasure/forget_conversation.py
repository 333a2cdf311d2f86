"""Forgetting a conversation: its head, and all that is said in it and nowhere else.

A fork keeps what came before it, and so does a response that was continued on its own. What only
this conversation led to is forgotten as a single turn would be: items, contents, memories,
vectors, cached answers, logs, replies and waiting work, and what forks of it kept that are gone
by now. docs/decisions/0007-forks-and-erasure.md says how that is known.
"""

from app.conversations import turns
from app.conversations.context import find_conversation
from app.conversations.types import StoredConversation
from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.spans import Forgetting, forget_turns, forgetting
from app.erasure.types import Erased
from app.errors import ConversationNotFound
from app.ids import ProjectId, TurnId, id_text
from app.jobs.outbox import cancel
from app.responses.cancel import end_all_of
from app.responses.parts import Parts
from app.web.principal import Caller

TURNS_AT_A_TIME = 100


async def forget_conversation(parts: Parts, caller: Caller, text: str) -> Erased:
    """All or nothing; what is still being said in it is ended first. Raises
    ConversationNotFound."""
    await end_all_of(parts, caller, text)
    return await _forget(parts.database, forgetting(parts), caller, text)


@again_if_crossed
async def _forget(database: Database, marked: Forgetting, caller: Caller, text: str) -> Erased:
    async with database.tenant(caller.project) as conn:
        found = await find_conversation(conn, caller, text)
        return await _forget_found(conn, marked, caller.project, found)


async def _forget_found(
    conn: Connection, marked: Forgetting, project: ProjectId, found: StoredConversation
) -> Erased:
    """Branches are locked before conversations, as by those who append."""
    conversation_id = found.conversation_id
    if found.head_turn_id is not None:
        await queries.lock_tree(conn, project, found.head_turn_id)
    gone = await queries.delete_conversation(conn, project, conversation_id)
    if gone is None:
        raise ConversationNotFound(id_text("conv", conversation_id))
    jobs = await cancel(conn, project, "title_conversation", [conversation_id])
    erased = Erased(conversations=1, jobs=len(jobs))
    if gone.head_turn_id is None:
        return erased
    return erased + await _forget_path(conn, marked, project, gone.head_turn_id)


async def _forget_path(
    conn: Connection, marked: Forgetting, project: ProjectId, head_id: TurnId
) -> Erased:
    head = await turns.get_turn(conn, project, head_id)
    assert head is not None
    spans = await queries.list_own_spans(conn, project, head_id)
    erased = Erased()
    for start in range(0, len(spans), TURNS_AT_A_TIME):
        some = spans[start : start + TURNS_AT_A_TIME]
        erased += await forget_turns(conn, marked, project, head, some)
    return erased
