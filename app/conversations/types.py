"""Turns, paths of items, conversations."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.engine.types import Item
from app.ids import BranchId, ConversationId, ItemId, TurnId, UserId
from app.web.metadata import Metadata

TITLE_LENGTH_MAX = 200
Title = Annotated[str, Meta(min_length=1, max_length=TITLE_LENGTH_MAX, pattern=r"^[^\x00]+$")]


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


class PathItem(StoredItem, frozen=True):
    """An item found on a path, and where it lies."""

    branch_id: BranchId
    turn_id: TurnId


class Appended(msgspec.Struct, frozen=True):
    branch_id: BranchId
    moved: bool
    """The conversation's head was where the turn continues it, and is the turn now."""


class StoredCompaction(msgspec.Struct, frozen=True):
    compaction_id: UUID
    body: Any


class NewCompaction(msgspec.Struct, frozen=True, kw_only=True):
    """One about to be stored. Its item is the first of a turn's output."""

    compaction_id: UUID
    body: bytes
    read: list[UUID]
    """The items and the earlier compaction that it was made from."""
    new: list[UUID]
    """The items of its own turn that it holds."""


class Holder(msgspec.Struct, frozen=True):
    """A conversation in which an item is found."""

    item_id: ItemId
    conversation_id: ConversationId


class StoredConversation(msgspec.Struct, frozen=True):
    conversation_id: ConversationId
    user_id: UserId
    head_turn_id: TurnId | None
    title: str | None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's object, with what people miss in it; Unix seconds."""

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: dict[str, Any]
    title: str | None
    updated_at: int
    user: str | None


class CreateConversation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    items: list[Item] | None = None
    metadata: Metadata | None = None
    title: Title | None = None
    user: str | None = None


class UpdateConversation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is. A title that is taken away is made again in time."""

    metadata: Metadata | UnsetType | None = UNSET
    title: Title | UnsetType | None = UNSET
    user: str | None = None


class CreateItems(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    items: list[Item]
    user: str | None = None


class ForkConversation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """After an item, or at the head."""

    item_id: str | None = None
    metadata: Metadata | None = None
    title: Title | None = None
    user: str | None = None
