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
from app.erasure.spans import forget_turns
from app.errors import ConversationNotFound
from app.ids import ProjectId, TurnId, id_text
from app.jobs.outbox import cancel
from app.responses.cancel import end_all_of
from app.responses.parts import Parts
from app.web.principal import Caller

TURNS_AT_A_TIME = 100


async def forget_conversation(parts: Parts, caller: Caller, text: str) -> None:
    """All or nothing; what is still being said in it is ended first. Raises
    ConversationNotFound."""
    await end_all_of(parts, caller, text)
    await _forget(parts.database, caller, text)


@again_if_crossed
async def _forget(database: Database, caller: Caller, text: str) -> None:
    async with database.tenant(caller.project) as conn:
        found = await find_conversation(conn, caller, text)
        await _forget_found(conn, caller.project, found)


async def _forget_found(conn: Connection, project: ProjectId, found: StoredConversation) -> None:
    """Branches are locked before conversations, as by those who append."""
    conversation_id = found.conversation_id
    if found.head_turn_id is not None:
        await queries.lock_tree(conn, project, found.head_turn_id)
    gone = await queries.delete_conversation(conn, project, conversation_id)
    if gone is None:
        raise ConversationNotFound(id_text("conv", conversation_id))
    await cancel(conn, project, "title_conversation", [conversation_id])
    if gone.head_turn_id is not None:
        await _forget_path(conn, project, gone.head_turn_id)


async def _forget_path(conn: Connection, project: ProjectId, head_id: TurnId) -> None:
    head = await turns.get_turn(conn, project, head_id)
    assert head is not None
    spans = await queries.list_own_spans(conn, project, head_id)
    for start in range(0, len(spans), TURNS_AT_A_TIME):
        await forget_turns(conn, project, head, spans[start : start + TURNS_AT_A_TIME])
