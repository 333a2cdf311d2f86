"""Making conversations and looking at them."""

from datetime import UTC, datetime

from app.conversations import queries
from app.conversations.context import find_conversation
from app.conversations.types import Conversation, CreateConversation
from app.db.database import Database
from app.ids import ConversationId, created_at, id_text, new_id
from app.web.principal import Caller


async def create_conversation(
    database: Database, caller: Caller, asked: CreateConversation
) -> Conversation:
    conversation_id = ConversationId(new_id())
    now = created_at(conversation_id)
    async with database.tenant(caller.project) as conn:
        await queries.insert_conversation(
            conn,
            caller.project,
            conversation_id,
            caller.owner,
            metadata=asked.metadata or {},
            created_at=now,
        )
    return _shown(conversation_id, now, asked.metadata or {})


async def get_conversation(database: Database, caller: Caller, text: str) -> Conversation:
    """Raises ConversationNotFound."""
    async with database.tenant(caller.project) as conn:
        found = await find_conversation(conn, caller, text)
    return _shown(found.conversation_id, found.created_at, found.metadata)


def _shown(conversation_id: ConversationId, at: datetime, metadata: dict[str, str]) -> Conversation:
    return Conversation(
        id=id_text("conv", conversation_id),
        created_at=int(at.astimezone(UTC).timestamp()),
        metadata=metadata,
    )
