"""One thing remembered: as it comes, as it is stored, as the API shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from app.ids import ConversationId, MemoryId, UserId, new_id

Kind = Literal["message", "fact", "summary", "note"]
SourceType = Literal["item", "turn", "document", "memory"]
Trust = Literal["user", "assistant", "document", "application"]
"""Whose word a memory is: what it may be used for follows from the least of its sources."""

LANGUAGE = "english"
"""The text search configuration of postings and queries."""


class SourceKey(msgspec.Struct, frozen=True):
    """Where a memory came from."""

    type: SourceType
    id: UUID


class NewMemory(msgspec.Struct, frozen=True, kw_only=True):
    """To be remembered. One `external_id` of a user, or one `memory_id`, is one memory."""

    user_id: UserId
    kind: Kind
    content: str
    occurred_at: datetime
    trust: Trust
    memory_id: MemoryId = msgspec.field(default_factory=lambda: MemoryId(new_id()))
    language: str = LANGUAGE
    speaker: str | None = None
    conversation_id: ConversationId | None = None
    episode: str | None = None
    external_id: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    expires_at: datetime | None = None
    confidence: float | None = None
    metadata: dict[str, Any] = {}
    sources: tuple[SourceKey, ...] = ()


class StoredMemory(msgspec.Struct, frozen=True):
    """A row, and the sources that point to it."""

    memory_id: MemoryId
    user_id: UserId
    kind: Kind
    content: str
    speaker: str | None
    conversation_id: ConversationId | None
    episode: str | None
    external_id: str | None
    occurred_at: datetime
    valid_from: datetime | None
    valid_to: datetime | None
    created_at: datetime
    superseded_at: datetime | None
    superseded_by: MemoryId | None
    expires_at: datetime | None
    confidence: float | None
    trust: Trust
    metadata: dict[str, Any]
    version: int
    sources: list[dict[str, Any]]


class StoredText(msgspec.Struct, frozen=True):
    """What is embedded: the vector is kept only if the version is still this one."""

    memory_id: MemoryId
    text: str
    version: int


class Source(msgspec.Struct, kw_only=True):
    type: SourceType
    id: str
    external_id: str | None = None


class Memory(msgspec.Struct, kw_only=True):
    """A memory as the API shows it; times are RFC 3339."""

    id: str
    object: Literal["memory"] = "memory"
    kind: Kind
    content: str
    user: str | None
    speaker: str | None
    conversation: str | None
    episode: str | None
    external_id: str | None
    occurred_at: datetime
    valid_from: datetime | None
    valid_to: datetime | None
    created_at: datetime
    superseded_at: datetime | None
    superseded_by: str | None
    expires_at: datetime | None
    confidence: float | None
    trust: Trust
    sources: Sequence[Source]
    metadata: dict[str, Any]
    version: int


class MemoryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which memories a list shows; `user_id` None is everyone's."""

    user_id: UserId | None
    conversation: ConversationId | None = None
    kind: Kind | None = None
    episode: str | None = None
