"""What is read, what an engine says of it, and what is kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.ids import MemoryId
from app.memory.types import Trust

Vector = NDArray[np.float32]

Refusal = Literal[
    "malformed",
    "too_many",
    "too_long",
    "no_source",
    "passing",
    "small_talk",
    "about_assistant",
    "not_standalone",
    "empty",
    "other_subject",
    "number",
    "name",
    "negation",
    "question",
    "uncertain",
    "words",
    "meaning",
    "source_gone",
    "forgotten",
]
"""Why a proposed fact is not kept; docs/memory.md says what each means."""

Outcome = Literal["stored", "strengthened", "superseding", "history", "known", "corrected"]
"""What became of a fact that is kept."""

Verdict = Literal["same", "contradicts", "unrelated"]


class Message(msgspec.Struct, frozen=True):
    """As it was read; a fact is kept only if its messages are still these."""

    memory_id: MemoryId
    version: int
    content: str
    language: str
    speaker: str | None
    trust: Trust
    occurred_at: datetime

    @property
    def named_speaker(self) -> str | None:
        """None where the speaker is only known as the user."""
        return None if self.speaker in (None, "", "user") else self.speaker


class Passage(msgspec.Struct, frozen=True):
    """What an engine is shown of a message under a number."""

    number: int
    message: Message
    text: str


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A fact as an engine tells it, of the right shape and no more."""

    text: str
    subject: str
    attribute: str | None = None
    value: str | None = None
    entities: tuple[str, ...] = ()
    messages: tuple[int, ...] = ()
    since: str | None = None
    until: str | None = None
    lasting: bool = True


class Wording(msgspec.Struct, frozen=True):
    """What of a text has to agree, whatever else is said in other words."""

    terms: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negated: bool


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One that its sources support."""

    proposed: Proposed
    about: str
    sources: Sequence[Message]
    language: str
    wording: Wording
    vector: Vector
    words: float
    """The share of its words that its sources have."""
    cosine: float
    """To what was said."""
    valid_from: datetime
    valid_to: datetime | None
    said_at: datetime

    @property
    def support(self) -> float:
        return (self.words + min(max(self.cosine, 0.0), 1.0)) / 2


class Near(msgspec.Struct, frozen=True):
    """A fact that is there, about the same subject."""

    memory_id: MemoryId
    content: str
    language: str
    attribute: str | None
    value: str | None
    valid_from: datetime
    valid_to: datetime | None
    said_at: datetime
    superseded: bool
    kept_at: datetime | None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A near fact, with what one needs to compare it."""

    near: Near
    wording: Wording
    vector: Vector
