"""What came before a turn: found by its previous response or its conversation, read by ranges."""

import msgspec

from app.conversations import queries
from app.conversations.contents import EMPTY_HISTORY
from app.conversations.types import StoredConversation, StoredItem, Turn
from app.db.sql import Connection
from app.errors import ConversationNotFound, InvalidRequest, PreviousResponseNotFound
from app.ids import (
    PROJECT_ITSELF,
    BranchId,
    ConversationId,
    ProjectId,
    ResponseId,
    TurnId,
    UserId,
    id_text,
    parse_id,
)
from app.web.principal import Caller


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where a new turn goes, and the items before it."""

    user: UserId
    """The owner of what is continued, where something is: what is added belongs to it."""
    parent: TurnId | None = None
    conversation: ConversationId | None = None
    branch: BranchId | None = None
    position: int = 0
    history_hash: bytes = EMPTY_HISTORY
    items: list[StoredItem] = []


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
    if previous_response:
        turn = await previous_turn(conn, caller, previous_response)
        return await _after(conn, caller.project, turn, turn.conversation_id, items_max)
    if conversation:
        return await _at_head(conn, caller, conversation, items_max)
    return Context(user=caller.user or PROJECT_ITSELF)


async def previous_turn(conn: Connection, caller: Caller, text: str) -> Turn:
    response_id = parse_id("resp", text)
    turn = response_id and await queries.get_turn(conn, caller.project, TurnId(response_id))
    if not turn or turn.deleted_at or not may_reach(caller, turn.user_id):
        raise PreviousResponseNotFound(text)
    return turn


def may_reach(caller: Caller, owner: UserId) -> bool:
    """By its id, a key that names no user reaches every row of its project."""
    return caller.user is None or caller.user == owner


async def find_conversation(conn: Connection, caller: Caller, text: str) -> StoredConversation:
    conversation_id = parse_id("conv", text)
    found = conversation_id and await queries.get_conversation(
        conn, caller.project, ConversationId(conversation_id)
    )
    if not found or not may_reach(caller, found.user_id):
        raise ConversationNotFound(text)
    return found


def whole_calls(items: list[StoredItem]) -> list[StoredItem]:
    """Without calls that an engine broke off in, and outputs whose call is not there (any more)."""
    whole = [item for item in items if item.type != "function_call" or item.status != "incomplete"]
    calls = {item.body.get("call_id") for item in whole if item.type == "function_call"}
    return [
        item
        for item in whole
        if item.type != "function_call_output" or item.body.get("call_id") in calls
    ]


async def _at_head(conn: Connection, caller: Caller, text: str, items_max: int) -> Context:
    found = await find_conversation(conn, caller, text)
    if found.head_turn_id is None:
        return Context(user=found.user_id, conversation=found.conversation_id)
    head = await queries.get_turn(conn, caller.project, found.head_turn_id)
    assert head is not None
    return await _after(conn, caller.project, head, found.conversation_id, items_max)


async def _after(
    conn: Connection,
    project: ProjectId,
    turn: Turn,
    conversation: ConversationId | None,
    items_max: int,
) -> Context:
    items = await queries.list_path_items(
        conn, project, turn.branch_id, until=turn.end_position, most=items_max + 1
    )
    if len(items) > items_max:
        raise InvalidRequest(
            f"{id_text('resp', ResponseId(turn.turn_id))} has more than {items_max} items "
            "before it, more than one context may hold.",
            param="previous_response_id",
            code="context_too_long",
        )
    return Context(
        user=turn.user_id,
        parent=turn.turn_id,
        conversation=conversation,
        branch=turn.branch_id,
        position=turn.end_position,
        history_hash=turn.history_hash,
        items=items,
    )
