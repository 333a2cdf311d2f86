"""Making conversations and looking at them."""

from datetime import UTC, datetime

from app.conversations import queries
from app.conversations.context import find_conversation
from app.conversations.types import Conversation, CreateConversation
from app.db.database import Database
from app.ids import ConversationId, created_at, id_text, new_id
from app.web.idempotency import Claim, Keep, Reply, once
from app.web.principal import Caller

OK = 200


async def create_conversation(
    database: Database,
    caller: Caller,
    asked: CreateConversation,
    claim: Claim | None,
    ttl_seconds: float,
) -> Conversation:
    """Once for a claim. The reply that is kept has the id alone: what it names may change."""

    async def create(keep: Keep) -> Reply:
        conversation_id = ConversationId(new_id())
        reply = OK, {"conversation": id_text("conv", conversation_id)}
        async with database.tenant(caller.project) as conn:
            await queries.insert_conversation(
                conn,
                caller.project,
                conversation_id,
                caller.owner,
                metadata=asked.metadata or {},
                created_at=created_at(conversation_id),
            )
            await keep(conn, reply)
        return reply

    _, reply = await once(database, claim, caller.user, ttl_seconds, create)
    return await get_conversation(database, caller, reply["conversation"])


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
