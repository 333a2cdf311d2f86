"""One thing remembered: as it comes, as it is stored, as the API shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from app.ids import ConversationId, MemoryId, ProjectId, UserId, new_id

Kind = Literal["message", "fact", "summary", "note"]
SourceType = Literal["item", "turn", "document", "memory"]
Trust = Literal["user", "assistant", "document", "application"]
"""Whose word a memory is: what it may be used for follows from the least of its sources."""
Why = Literal["patched", "replaced", "superseded", "restored"]
"""Why a version of a memory is not the current one any more."""

Standing = Literal["instruction", "preference", "identity"]
"""What a memory states that goes on holding; of several, the first of these."""
UNREAD_SPEAKERS = ("assistant", "system", "developer", "tool")
"""Whose words become no facts: only what users and documents say does."""

LANGUAGE = "english"
"""The text search configuration of a text whose language nothing tells."""


LOWEST_ID = MemoryId(UUID(int=0))


class SourceKey(msgspec.Struct, frozen=True):
    """Where a memory came from."""

    type: SourceType
    id: UUID


class FactDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What a fact says beside its text. `about` is its subject in its plain form; no two facts of
    a user that hold have the same `statement_key`."""

    subject: str
    about: str
    reason: str
    attribute: str | None = None
    value: str | None = None
    entities: tuple[str, ...] = ()
    seen: int = 1
    statement_key: bytes | None = None


class NewMemory(msgspec.Struct, frozen=True, kw_only=True):
    """To be remembered. One `external_id` of a user, or one `memory_id`, is one memory."""

    user_id: UserId
    kind: Kind
    content: str
    occurred_at: datetime
    trust: Trust
    memory_id: MemoryId = msgspec.field(default_factory=lambda: MemoryId(new_id()))
    language: str | None = None
    """The text search configuration of its postings: told when it is remembered."""
    told: str | UnsetType | None = UNSET
    """What its text tells of that, where it was asked before; None is too little to tell."""
    speaker: str | None = None
    conversation_id: ConversationId | None = None
    episode: str | None = None
    external_id: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    expires_at: datetime | None = None
    confidence: float | None = None
    metadata: dict[str, Any] = {}
    standing: Standing | None = None
    said: str | None = None
    """What it states that goes on holding, a line each: found when it is remembered."""
    sources: tuple[SourceKey, ...] = ()
    fact: FactDetails | None = None


FOUND = ("language", "told", "standing", "said", "sources", "fact")
"""What is found when a memory is remembered, or kept beside it."""


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
    uses: int
    used_at: datetime | None
    fact: dict[str, Any] | None
    """What is shown of its FactDetails, where it is a fact that was derived."""


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What went, by sort: all memories, and how many of them were facts and summaries."""

    memories: int = 0
    facts: int = 0
    summaries: int = 0
    versions: int = 0
    vectors: int = 0
    postings: int = 0
    cache_entries: int = 0
    jobs: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        sums = {n: getattr(self, n) + getattr(other, n) for n in self.__struct_fields__}
        return Forgotten(**sums)


class Unindexed(msgspec.Struct, frozen=True):
    """How much was taken away, and the memories whose postings were not all found."""

    postings: int
    vectors: int
    stray: list[MemoryId]


class Support(msgspec.Struct, frozen=True):
    """A memory that something was derived from, which goes without it."""

    derived_kind: Kind
    user_id: UserId
    conversation_id: ConversationId | None
    episode: str | None
    memory_id: MemoryId
    kind: Kind


class Unread(msgspec.Struct, frozen=True):
    """A message that is to be read for facts."""

    memory_id: MemoryId
    user_id: UserId
    conversation_id: ConversationId | None


class Told(msgspec.Struct, frozen=True):
    """What a fact says, and a memory that it was read from."""

    source_id: UUID
    content: str


class Summarised(msgspec.Struct, frozen=True):
    """What a summary is about (app/summaries/about.py), whose it is, and how it was made."""

    user_id: UserId
    conversation_id: ConversationId | None
    about: str
    method: str
    model: str | None


class StoredVersion(msgspec.Struct, frozen=True):
    """What a memory is (then nothing replaced it) or was."""

    memory_id: MemoryId
    version: int
    kind: Kind
    content: str
    speaker: str | None
    conversation_id: ConversationId | None
    episode: str | None
    occurred_at: datetime
    valid_from: datetime | None
    valid_to: datetime | None
    created_at: datetime
    replaced_at: datetime | None
    why: Why | None
    superseded_at: datetime | None
    superseded_by: MemoryId | None
    expires_at: datetime | None
    confidence: float | None
    trust: Trust
    metadata: dict[str, Any]


class ToEmbed(msgspec.Struct, frozen=True):
    """A memory that waits for its vectors, and about how many of its own it gets."""

    memory_id: MemoryId
    user_id: UserId
    passages: int = 1


class RunOut(msgspec.Struct, frozen=True):
    project_id: ProjectId
    memory_id: MemoryId


class Retention(msgspec.Struct, frozen=True):
    """How many days memories are kept, as a setting says it: of a project, or of a user."""

    project_id: ProjectId
    user_id: UserId
    days: Any


class Quality(msgspec.Struct, frozen=True):
    """What the memories of a kind and a trust class are like."""

    kind: Kind
    trust: Trust
    memories: int
    superseded: int
    expired: int
    expiring: int
    never_used: int
    awaiting_vectors: int


class StandingMemory(msgspec.Struct, frozen=True):
    """A memory that states what goes on holding; `said` has a line for each statement."""

    memory_id: MemoryId
    kind: Kind
    standing: Standing
    said: str
    speaker: str | None
    occurred_at: datetime


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
    uses: int
    """How often it was recalled; counted every few seconds."""
    used_at: datetime | None
    subject: str | None = None
    attribute: str | None = None
    entities: Sequence[str] = ()
    confidence_reason: str | None = None
    """Subject, attribute, entities and reason are of facts alone."""


class MemoryVersion(msgspec.Struct, kw_only=True):
    """A memory as it looked; `created_at` is when it became so."""

    id: str
    object: Literal["memory.version"] = "memory.version"
    version: int
    kind: Kind
    content: str
    speaker: str | None
    conversation: str | None
    episode: str | None
    occurred_at: datetime
    valid_from: datetime | None
    valid_to: datetime | None
    created_at: datetime
    replaced_at: datetime | None
    why: Why | None
    superseded_at: datetime | None
    superseded_by: str | None
    expires_at: datetime | None
    confidence: float | None
    trust: Trust
    metadata: dict[str, Any]


class MemoryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which memories a list shows; `user_id` None is everyone's."""

    user_id: UserId | None
    conversation: ConversationId | None = None
    kind: Kind | None = None
    episode: str | None = None
    expired: bool = False
    """Those that have run out and are not dropped yet as well."""
    going_before: datetime | None = None
    """Only those that run out before then, or are `outdated`."""
    outdated: MemoryId = LOWEST_ID
    """What is below this id is kept no longer than until then."""


class SpokenLanguage(msgspec.Struct, frozen=True):
    """A text search configuration that a user has memories in."""

    user_id: UserId
    language: str
