"""Summaries as they are made and stored, and profiles as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from app.ids import MemoryId
from app.memory.types import Kind, Memory, Source, Trust

Method = Literal["engine", "extract"]


class Said(msgspec.Struct, frozen=True):
    """A memory to be summarised, as it was read."""

    memory_id: MemoryId
    version: int
    speaker: str | None
    content: str
    trust: Trust
    occurred_at: datetime


class StoredSummary(msgspec.Struct, frozen=True):
    memory_id: MemoryId
    version: int
    content: str
    trust: Trust
    occurred_at: datetime
    method: Method
    model: str | None
    messages: int
    cited: list[MemoryId]


class Talk(msgspec.Struct, frozen=True):
    """What is to be summarised: what an earlier summary does not cover yet, and that summary."""

    current: StoredSummary | None
    said: list[Said]
    more: bool
    """There is more than is summarised at a time."""


class NewSummary(msgspec.Struct, frozen=True, kw_only=True):
    about: str
    method: Method
    model: str | None
    content: str
    messages: int
    cited: list[MemoryId]


class SummaryAnswer(msgspec.Struct, kw_only=True):
    """The summary that holds now; without a memory where there is nothing to summarise."""

    object: Literal["summary"] = "summary"
    memory: Memory | None
    method: Method | None
    model: str | None
    messages: int
    has_more: bool
    """More has been said than it covers: the rest follows in the background."""


Section = Literal["instructions", "preferences", "stable", "current"]


class Entry(msgspec.Struct, kw_only=True):
    """One thing that holds of a user, and the memory that says so."""

    text: str
    memory: str
    kind: Kind
    speaker: str | None
    sources: Sequence[Source]
    since: datetime
    """When it was said first."""
    occurred_at: datetime
    """When it was said last."""
    confidence: float | None


class ProfileUsage(msgspec.Struct, kw_only=True):
    context_tokens: int
    left_out: int
    """Entries for which the budget had no room."""


class Profile(msgspec.Struct, kw_only=True):
    """Who a user is in short. `context` is ready for a prompt, within the budget."""

    object: Literal["profile"] = "profile"
    user: str
    instructions: list[Entry]
    preferences: list[Entry]
    stable: list[Entry]
    current: list[Entry]
    summary: str | None
    updated_at: datetime | None
    context: str
    usage: ProfileUsage
