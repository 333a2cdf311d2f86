"""Adding items to a conversation: a turn without a response."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import stamina

from app.blobs.store import keep_shown
from app.blobs.take import NewImages
from app.conversations import queries
from app.conversations.contents import (
    Hasher,
    NewItem,
    content_values,
    item_type,
    item_values,
)
from app.conversations.context import Context, find_conversation, head_of
from app.conversations.history import extend_history
from app.conversations.items import shown_items
from app.conversations.parts import ConversationParts
from app.conversations.references import with_references
from app.conversations.types import StoredItem
from app.db.crossed import CROSSED
from app.db.sql import Connection
from app.engine.types import Item
from app.errors import NotFound, Unavailable
from app.ids import PROJECT_ITSELF, ProjectId, TurnId, UserId, new_id
from app.web.idempotency import Claim, Keep, Reply, once
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller

OK = 200


class HeadMoved(Unavailable):
    """Another turn was appended to the conversation meanwhile; nothing of this one is kept."""

    def __init__(self) -> None:
        super().__init__("Others add to this conversation all the time: it can be tried again.")


TRIED_AGAIN = (HeadMoved, *CROSSED)


class NewTurn(msgspec.Struct, frozen=True):
    """Items that are to be stored, and whether they are to be remembered."""

    items: list[Item]
    images: NewImages
    remember: bool
    turn_id: TurnId = msgspec.field(default_factory=lambda: TurnId(new_id()))


async def create_items(
    parts: ConversationParts,
    caller: Caller,
    conversation: str,
    given: list[Item],
    claim: Claim | None,
    *,
    images: bool,
) -> Page:
    """Once for a claim: what is kept of the reply is where its items lie. Raises
    ConversationNotFound, or NotFound where the items of an earlier reply are gone."""

    async def create(keep: Keep) -> Reply:
        remember = await _is_remembered(parts, caller, conversation)
        turn = await new_turn(parts, caller, given, remember)
        reply = OK, {"turn": turn.turn_id.hex}
        async for attempt in tries(parts):
            with attempt:
                async with parts.database.tenant(caller.project) as conn:
                    place = await head_of(conn, caller, conversation)
                    await append(conn, parts, caller, place, turn)
                    await keep(conn, reply)
        if turn.remember:
            parts.jobs.wake("remember_turn")
        return reply

    ttl_seconds = parts.config.idempotency_ttl_seconds
    _, reply = await once(parts.database, claim, caller.user, ttl_seconds, create)
    turn_id = TurnId(UUID(hex=reply["turn"]))
    return await _reply_of(parts, caller, conversation, turn_id, images)


def tries(parts: ConversationParts) -> AsyncIterator[stamina.Attempt]:
    """For a while, as long as others come between."""
    return stamina.retry_context(
        on=TRIED_AGAIN,
        attempts=None,
        timeout=parts.config.commit_retry_seconds,
        wait_initial=0.01,
        wait_max=0.1,
    ).__aiter__()


async def _is_remembered(parts: ConversationParts, caller: Caller, conversation: str) -> bool:
    async with parts.database.tenant(caller.project) as conn:
        found = await find_conversation(conn, caller, conversation)
    return await remembers(parts, caller.project, found.user_id)


async def remembers(parts: ConversationParts, project: ProjectId, owner: UserId) -> bool:
    """As what is stored of responses, unless a setting says otherwise."""
    user = None if owner == PROJECT_ITSELF else owner
    memory = (await parts.settings.read(project, user)).memory
    if isinstance(memory, dict):
        return memory.get("remember") is not False
    return memory is not False


async def new_turn(
    parts: ConversationParts, caller: Caller, given: list[Item], remember: bool
) -> NewTurn:
    """What was given, images taken out of it and references resolved. Raises InvalidRequest."""
    images = await parts.images.take(caller, given, "items")
    items = await with_references(parts.database, caller, images.items, parts.config.body_bytes_max)
    return NewTurn(items, images, remember)


async def append(
    conn: Connection, parts: ConversationParts, caller: Caller, place: Context, turn: NewTurn
) -> None:
    """Puts a turn where a conversation's head is. Raises HeadMoved, which has to end the
    transaction."""
    hasher = Hasher(parts.contents_key, caller.project, place.user)
    items = [hasher.item(item) for item in turn.items]
    history = extend_history(place.history_hash, items)
    values = _values(caller, place, turn, items) | {"history_hash": history}
    appended = await queries.append_turn(conn, values)
    if not appended.moved:
        raise HeadMoved
    shown = [(item.content.hash, item.content.body) for item in items]
    await keep_shown(conn, caller.project, place.user, shown, turn.images)


def _values(caller: Caller, place: Context, turn: NewTurn, items: list[NewItem]) -> dict[str, Any]:
    answered = any(_is_answer(item) for item in turn.items)
    return {
        "project": caller.project,
        "user_id": place.user,
        "key_id": caller.principal.id,
        "turn_id": turn.turn_id,
        "parent_turn_id": place.parent,
        "conversation_id": place.conversation,
        "branch_id": place.branch,
        "new_branch_id": new_id(),
        "start_position": place.position,
        "end_position": place.position + len(items),
        "created_at": datetime.now(UTC),
        "outbox_id": new_id() if turn.remember else None,
        "title_job_id": new_id() if answered else None,
        **content_values(item.content for item in items),
        **item_values(items),
    }


def _is_answer(item: Item) -> bool:
    return item_type(item) == "message" and item.get("role") == "assistant"


async def _reply_of(
    parts: ConversationParts, caller: Caller, conversation: str, turn_id: TurnId, images: bool
) -> Page:
    async with parts.database.tenant(caller.project) as conn:
        found = await find_conversation(conn, caller, conversation)
        items = await _items_of(conn, caller.project, turn_id)
    if not items:
        raise NotFound("These items have been deleted since.", code="item_not_found")
    shown = await shown_items(parts, caller.project, found.user_id, items, images=images)
    return page(shown, PageQuery(len(items), "asc", None, None))


async def _items_of(conn: Connection, project: ProjectId, turn_id: TurnId) -> list[StoredItem]:
    turn = await queries.get_turn(conn, project, turn_id)
    assert turn is not None
    return await queries.list_range_items(
        conn, project, turn.branch_id, from_position=turn.start_position, until=turn.end_position
    )
