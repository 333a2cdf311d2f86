"""One thing remembered: as it comes, as it is stored, as the API shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.ids import ConversationId, MemoryId, ProjectId, UserId, new_id

Kind = Literal["message", "fact", "summary", "note"]
SourceType = Literal["item", "turn", "document", "memory"]
Trust = Literal["user", "assistant", "document", "application"]
"""Whose word a memory is: what it may be used for follows from the least of its sources."""

Vector = NDArray[np.float32]

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


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Where a recall may look; None is anything."""

    project: ProjectId
    users: list[UserId]
    conversation: ConversationId | None = None
    kinds: list[Kind] | None = None
    speakers: list[str] | None = None
    episodes: list[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    metadata: dict[str, Any] | None = None

    @property
    def narrowed(self) -> bool:
        """Whether the rows must be read to know what is within."""
        narrowing = self.__struct_fields__[2:]
        return any(getattr(self, name) is not None for name in narrowing)


class ScopeSize(msgspec.Struct, frozen=True):
    memories: int
    words_mean: float


class TermCount(msgspec.Struct, frozen=True):
    term: str
    memories: int


class Scored(msgspec.Struct, frozen=True):
    memory_id: MemoryId
    score: float


class Neighbour(msgspec.Struct, frozen=True):
    """`memory_id` was said `distance` memories before or after `seed_id`."""

    seed_id: MemoryId
    memory_id: MemoryId
    distance: int


class MemoryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which memories a list shows; `user_id` None is everyone's."""

    user_id: UserId | None
    conversation: ConversationId | None = None
    kind: Kind | None = None
    episode: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recalled, and how much of it."""

    query: str
    limit: int = 10
    token_budget: int = 2_000
    min_score: float = 0.0
    language: str = LANGUAGE


class ArmSignal(msgspec.Struct, kw_only=True):
    """`rank` is None where the other arm, or a neighbour, proposed the memory."""

    score: float
    rank: int | None


class Signals(msgspec.Struct, kw_only=True):
    """Why a memory has its score: its own, from both arms, and what its neighbours lend."""

    words: ArmSignal
    vector: ArmSignal | None
    own: float
    lent: float


class Recalled(msgspec.Struct, kw_only=True):
    memory: Memory
    score: float
    signals: Signals | None = None


class RecallUsage(msgspec.Struct, kw_only=True):
    """`vectors` says whether the query could be embedded; if not, words alone were searched."""

    vectors: Literal["used", "unavailable", "too_late"]
    candidates: int
    context_tokens: int


class Recollection(msgspec.Struct, kw_only=True):
    object: Literal["recall"] = "recall"
    data: list[Recalled]
    context: str
    usage: RecallUsage
