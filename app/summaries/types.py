"""Profiles as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from app.memory.types import Kind, Source

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
