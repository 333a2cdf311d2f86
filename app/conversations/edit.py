"""Making conversations and changing what is said of them."""

from msgspec import UNSET

from app.conversations import queries
from app.conversations.append import NewTurn, append, new_turn, remembers, tries
from app.conversations.browse import get_conversation
from app.conversations.context import Context, find_conversation
from app.conversations.parts import ConversationParts
from app.conversations.types import Conversation, CreateConversation, UpdateConversation
from app.db.sql import Connection
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
        given = asked.items or []
        remember = bool(given) and await remembers(parts, caller.project, caller.owner)
        turn = await new_turn(parts, caller, given, remember)
        async for attempt in tries(parts):
            with attempt:
                async with parts.database.tenant(caller.project) as conn:
                    await _insert(conn, parts, caller, conversation_id, asked, turn)
                    await keep(conn, reply)
        if remember:
            parts.jobs.wake("remember_turn")
        return reply

    ttl_seconds = parts.config.idempotency_ttl_seconds
    _, reply = await once(parts.database, claim, caller.user, ttl_seconds, create)
    return await get_conversation(parts, caller, reply["conversation"])


async def _insert(
    conn: Connection,
    parts: ConversationParts,
    caller: Caller,
    conversation_id: ConversationId,
    asked: CreateConversation,
    turn: NewTurn,
) -> None:
    await queries.insert_conversation(
        conn,
        caller.project,
        conversation_id,
        caller.owner,
        title=asked.title,
        metadata=asked.metadata or {},
        created_at=created_at(conversation_id),
    )
    if turn.items:
        place = Context(user=caller.owner, conversation=conversation_id)
        await append(conn, parts, caller, place, turn)


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
