"""Making conversations and changing what is said of them."""

from msgspec import UNSET

from app.conversations import queries
from app.conversations.append import NewTurn, append, remembers
from app.conversations.browse import get_conversation
from app.conversations.context import Context, find_conversation
from app.conversations.parts import ConversationParts
from app.conversations.references import with_references
from app.conversations.types import Conversation, CreateConversation, UpdateConversation
from app.errors import InvalidRequest
from app.ids import ConversationId, created_at, id_text, new_id
from app.web.idempotency import Claim, Keep, Reply, once
from app.web.principal import Caller

OK = 200
NOTHING_KEPT: Reply = (OK, {})


async def create_conversation(
    parts: ConversationParts, caller: Caller, asked: CreateConversation, claim: Claim | None
) -> Conversation:
    """Once for a claim. The reply that is kept has the id alone: what it names may change."""

    async def create(keep: Keep) -> Reply:
        conversation_id = ConversationId(new_id())
        reply = OK, {"conversation": id_text("conv", conversation_id)}
        items = await with_references(parts.database, caller, asked.items or [])
        remember = bool(items) and await remembers(parts, caller.project, caller.owner)
        async with parts.database.tenant(caller.project) as conn:
            await queries.insert_conversation(
                conn,
                caller.project,
                conversation_id,
                caller.owner,
                title=asked.title,
                metadata=asked.metadata or {},
                created_at=created_at(conversation_id),
            )
            if items:
                place = Context(user=caller.owner, conversation=conversation_id)
                await append(conn, parts, caller, place, NewTurn(items, remember))
            await keep(conn, reply)
        if remember:
            parts.jobs.wake("remember_turn")
        return reply

    ttl_seconds = parts.config.idempotency_ttl_seconds
    _, reply = await once(parts.database, claim, caller.user, ttl_seconds, create)
    return await get_conversation(parts, caller, reply["conversation"])


async def update_conversation(
    parts: ConversationParts,
    caller: Caller,
    text: str,
    asked: UpdateConversation,
    claim: Claim | None,
) -> Conversation:
    """Raises ConversationNotFound."""
    if asked.metadata is UNSET and asked.title is UNSET:
        raise InvalidRequest(
            "Missing required parameter: 'metadata', or 'title'.",
            param="metadata",
            code="missing_required_parameter",
        )

    async def update(keep: Keep) -> Reply:
        async with parts.database.tenant(caller.project) as conn:
            found = await find_conversation(conn, caller, text)
            conversation_id = found.conversation_id
            if asked.metadata is not UNSET:
                metadata = asked.metadata or {}
                await queries.update_metadata(conn, caller.project, conversation_id, metadata)
            if asked.title is not UNSET:
                await queries.set_title(conn, caller.project, conversation_id, asked.title)
            await keep(conn, NOTHING_KEPT)
        return NOTHING_KEPT

    await once(parts.database, claim, caller.user, parts.config.idempotency_ttl_seconds, update)
    return await get_conversation(parts, caller, text)
