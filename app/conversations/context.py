"""What came before a turn: found by its previous response or its conversation, read by ranges."""

from collections.abc import Sequence

import msgspec

from app.conversations import queries
from app.conversations.compactions import list_context
from app.conversations.contents import UNKNOWN_HISTORY
from app.conversations.types import StoredConversation, StoredItem, Turn
from app.db.sql import Connection
from app.engine.types import Item
from app.errors import ConversationNotFound, InvalidRequest, PreviousResponseNotFound
from app.ids import (
    BranchId,
    ConversationId,
    TurnId,
    UserId,
    parse_id,
)
from app.web.principal import Caller

OUTPUT = "function_call_output"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where a new turn goes, and the items before it."""

    user: UserId
    """The owner of what is continued, where something is: what is added belongs to it."""
    parent: TurnId | None = None
    conversation: ConversationId | None = None
    branch: BranchId | None = None
    position: int = 0
    history_hash: bytes = UNKNOWN_HISTORY
    items: list[StoredItem] = []
    resent: int | None = None
    """Of a client that keeps no state: how many items of its input were known before."""
    begins: bool = False
    """The conversation begins with this turn, as a head of its own."""


async def resolve(
    conn: Connection,
    caller: Caller,
    *,
    previous_response: str | None,
    conversation: str | None,
    items_max: int,
) -> Context:
    """Raises PreviousResponseNotFound, ConversationNotFound, or InvalidRequest."""
    if previous_response and conversation:
        raise InvalidRequest(
            "Only one of 'previous_response_id' and 'conversation' can be given.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    place = await _place(conn, caller, previous_response, conversation)
    if place.branch is None:
        return place
    items = await list_context(conn, caller.project, place.branch, place.position, items_max + 1)
    if len(items) > items_max:
        raise InvalidRequest(
            f"What came before has more than {items_max} items, more than one context may hold.",
            param="previous_response_id" if previous_response else "conversation",
            code="context_too_long",
        )
    return msgspec.structs.replace(place, items=items)


async def _place(
    conn: Connection, caller: Caller, previous_response: str | None, conversation: str | None
) -> Context:
    if previous_response:
        turn = await previous_turn(conn, caller, previous_response)
        return _after(turn, await _conversation_headed_by(conn, caller, turn))
    if conversation:
        return await head_of(conn, caller, conversation)
    return Context(user=caller.owner)


async def _conversation_headed_by(
    conn: Connection, caller: Caller, turn: Turn
) -> ConversationId | None:
    """To continue a turn that is no head is a fork: it moves no conversation."""
    if turn.conversation_id is None:
        return None
    found = await queries.get_conversation(conn, caller.project, turn.conversation_id)
    return turn.conversation_id if found and found.head_turn_id == turn.turn_id else None


async def head_of(conn: Connection, caller: Caller, conversation: str) -> Context:
    """Where the next turn of a conversation goes, without what came before. Raises
    ConversationNotFound."""
    found = await find_conversation(conn, caller, conversation)
    if found.head_turn_id is None:
        return Context(user=found.user_id, conversation=found.conversation_id)
    head = await queries.get_turn(conn, caller.project, found.head_turn_id)
    assert head is not None
    return _after(head, found.conversation_id)


def _after(turn: Turn, conversation: ConversationId | None) -> Context:
    return Context(
        user=turn.user_id,
        parent=turn.turn_id,
        conversation=conversation,
        branch=turn.branch_id,
        position=turn.end_position,
        history_hash=turn.history_hash,
    )


async def previous_turn(conn: Connection, caller: Caller, text: str) -> Turn:
    response_id = parse_id("resp", text)
    turn = response_id and await queries.get_turn(conn, caller.project, TurnId(response_id))
    if not turn or turn.deleted_at or not caller.may_reach(turn.user_id):
        raise PreviousResponseNotFound(text)
    return turn


async def find_conversation(
    conn: Connection, caller: Caller, text: str, *, hold: bool = False
) -> StoredConversation:
    """With `hold` it is not deleted before the transaction ends. Raises ConversationNotFound."""
    conversation_id = parse_id("conv", text)
    found = conversation_id and await queries.get_conversation(
        conn, caller.project, ConversationId(conversation_id), hold=hold
    )
    if not found or not caller.may_reach(found.user_id):
        raise ConversationNotFound(text)
    return found


def whole_calls(items: list[StoredItem], new: Sequence[Item] = ()) -> list[StoredItem]:
    """Calls and their outputs go together: engines refuse one without the other.

    Left out are calls that an engine broke off in, outputs whose call was deleted, and calls whose
    output was: those that a user message follows. An open call is answered by what is `new`.
    """
    calls = {item.body.get("call_id") for item in items if _is_whole_call(item)}
    bodies = [*(item.body for item in items), *new]
    outputs = {body.get("call_id") for body in bodies if body.get("type") == OUTPUT}
    last_user = max(
        (place for place, body in enumerate(bodies) if body.get("role") == "user"), default=-1
    )
    kept = []
    for place, item in enumerate(items):
        call_id = item.body.get("call_id")
        if item.type == OUTPUT and call_id not in calls:
            continue
        if item.type == "function_call" and not (
            call_id in calls and (call_id in outputs or place > last_user)
        ):
            continue
        kept.append(item)
    return kept


def _is_whole_call(item: StoredItem) -> bool:
    return item.type == "function_call" and item.status != "incomplete"
