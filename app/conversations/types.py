"""Turns, paths of items, conversations."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from app.engine.types import Item
from app.ids import BranchId, ConversationId, ItemId, TurnId, UserId
from app.web.metadata import Metadata


class Turn(msgspec.Struct, frozen=True):
    """Where a turn lies: positions on its branch."""

    turn_id: TurnId
    user_id: UserId
    conversation_id: ConversationId | None
    branch_id: BranchId
    start_position: int
    output_position: int
    end_position: int
    history_hash: bytes
    deleted_at: datetime | None


class KnownTurn(msgspec.Struct, frozen=True):
    """A turn up to which a client has sent again what was said."""

    turn_id: TurnId
    conversation_id: ConversationId | None
    """The conversation that it is the head of, if it is one."""
    branch_id: BranchId
    end_position: int
    history_hash: bytes


class StoredItem(msgspec.Struct, frozen=True):
    item_id: ItemId
    type: str
    status: str
    position: int
    body: Item


class StoredConversation(msgspec.Struct, frozen=True):
    conversation_id: ConversationId
    user_id: UserId
    head_turn_id: TurnId | None
    metadata: dict[str, Any]
    created_at: datetime


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's object; Unix seconds."""

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: dict[str, Any]


class CreateConversation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    metadata: Metadata | None = None
