"""A second head on what was said so far: nothing is copied.

A fork begins with a turn that adds nothing, on a branch of its own that has the same UUID. So a
conversation's head is always a turn that was made in it, and erasure can tell by a branch whose it
is.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from app.conversations import queries
from app.conversations.browse import get_conversation
from app.conversations.contents import UNKNOWN_HISTORY, Hasher
from app.conversations.history import extend_history
from app.conversations.parts import ConversationParts
from app.conversations.path import Path, find_item, path_of
from app.conversations.types import Conversation, ForkConversation, PathItem, Turn
from app.db.sql import Connection
from app.ids import BranchId, ConversationId, ProjectId, TurnId, UserId, created_at, id_text, new_id
from app.jobs.outbox import enqueue
from app.web.idempotency import Claim, Keep, Reply, once
from app.web.principal import Caller

OK = 200


class Place(msgspec.Struct, frozen=True):
    """After which turn, or after what of it, a fork begins."""

    turn: TurnId
    branch: BranchId
    position: int
    history_hash: bytes


async def fork_conversation(
    parts: ConversationParts,
    caller: Caller,
    text: str,
    asked: ForkConversation,
    claim: Claim | None,
) -> Conversation:
    """It belongs to the owner of what it forks from. Raises ConversationNotFound or NotFound."""

    async def fork(keep: Keep) -> Reply:
        conversation_id = ConversationId(new_id())
        reply = OK, {"conversation": id_text("conv", conversation_id)}
        async with parts.database.tenant(caller.project) as conn:
            path = await path_of(conn, caller, text, hold=True)
            hasher = Hasher(parts.contents_key, caller.project, path.conversation.user_id)
            place = await _place(conn, caller.project, path, asked.item_id, hasher)
            await _insert(conn, caller, conversation_id, path, place, asked)
            await keep(conn, reply)
        parts.jobs.wake("title_conversation")
        return reply

    ttl_seconds = parts.config.idempotency_ttl_seconds
    _, reply = await once(parts.database, claim, caller.user, ttl_seconds, fork)
    return await get_conversation(parts, caller, reply["conversation"])


async def _place(
    conn: Connection, project: ProjectId, path: Path, item_id: str | None, hasher: Hasher
) -> Place | None:
    """None where nothing was said yet."""
    if item_id is not None:
        item = await find_item(conn, project, path, item_id)
        return await _after(conn, project, item, hasher)
    if path.conversation.head_turn_id is None:
        return None
    head = await queries.get_turn(conn, project, path.conversation.head_turn_id)
    assert head is not None
    return Place(head.turn_id, head.branch_id, head.end_position, head.history_hash)


async def _after(conn: Connection, project: ProjectId, item: PathItem, hasher: Hasher) -> Place:
    position = item.position + 1
    turn = await queries.get_turn(conn, project, item.turn_id)
    assert turn is not None
    history = turn.history_hash
    if position < turn.end_position:
        history = await _history_within(conn, project, turn, position, hasher)
    return Place(turn.turn_id, turn.branch_id, position, history)


async def _history_within(
    conn: Connection, project: ProjectId, turn: Turn, until: int, hasher: Hasher
) -> bytes:
    before = await queries.get_history_before(conn, project, turn.turn_id)
    items = await queries.list_range_items(
        conn, project, turn.branch_id, from_position=turn.start_position, until=until
    )
    said = [hasher.item(item.body) for item in items]
    return extend_history(before or UNKNOWN_HISTORY, said)


async def _insert(
    conn: Connection,
    caller: Caller,
    conversation_id: ConversationId,
    path: Path,
    place: Place | None,
    asked: ForkConversation,
) -> None:
    owner = path.conversation.user_id
    told: dict[str, Any] = {"title": asked.title, "metadata": asked.metadata or {}}
    if place is None:
        made_at = created_at(conversation_id)
        await queries.insert_conversation(
            conn, caller.project, conversation_id, owner, created_at=made_at, **told
        )
        return
    values = _values(caller, conversation_id, owner, place)
    await queries.insert_fork(conn, values | told)
    if asked.title is None:
        await enqueue(conn, caller.project, "title_conversation", owner, conversation_id, {})


def _values(
    caller: Caller, conversation_id: ConversationId, owner: UserId, place: Place
) -> dict[str, Any]:
    return {
        "project": caller.project,
        "user_id": owner,
        "conversation_id": conversation_id,
        "turn_id": new_id(),
        "parent_turn_id": place.turn,
        "branch_id": place.branch,
        "position": place.position,
        "history_hash": place.history_hash,
        "created_at": datetime.now(UTC),
    }
