"""Looking at conversations: one by one, and page by page."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from app.conversations import queries
from app.conversations.context import find_conversation
from app.conversations.parts import ConversationParts
from app.conversations.types import Conversation, StoredConversation
from app.db.sql import Connection
from app.ids import ConversationId, ProjectId, UserId, id_text
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller


async def get_conversation(parts: ConversationParts, caller: Caller, text: str) -> Conversation:
    """Raises ConversationNotFound."""
    async with parts.database.tenant(caller.project) as conn:
        found = await find_conversation(conn, caller, text)
        names = await parts.users.names(conn, caller.project, {found.user_id})
    return shown(found, names)


async def list_conversations(parts: ConversationParts, caller: Caller, paging: PageQuery) -> Page:
    cursor = paging.cursor_id("conv")
    async with parts.database.tenant(caller.project) as conn:
        found = await queries.list_conversations(
            conn,
            caller.project,
            None if caller.everyone else caller.owner,
            descending=paging.descending,
            cursor=ConversationId(cursor) if cursor else None,
            most=paging.limit + 1,
        )
        names = await parts.users.names(conn, caller.project, {c.user_id for c in found})
    return page([shown(conversation, names) for conversation in found], paging)


async def get_some(
    conn: Connection, parts: ConversationParts, project: ProjectId, ids: Sequence[ConversationId]
) -> dict[ConversationId, Conversation]:
    """Those of these that are there, whoever asks."""
    found = await queries.get_conversations(conn, project, ids)
    names = await parts.users.names(conn, project, {c.user_id for c in found.values()})
    return {id_: shown(conversation, names) for id_, conversation in found.items()}


def shown(conversation: StoredConversation, names: Mapping[UserId, str]) -> Conversation:
    return Conversation(
        id=id_text("conv", conversation.conversation_id),
        created_at=_seconds(conversation.created_at),
        metadata=conversation.metadata,
        title=conversation.title,
        updated_at=_seconds(conversation.updated_at),
        user=names.get(conversation.user_id),
    )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
