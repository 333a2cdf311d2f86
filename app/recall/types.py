"""What is asked of memory, and what is found."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.ids import ConversationId, MemoryId, ProjectId, UserId
from app.memory.types import Kind, Memory

Vector = NDArray[np.float32]

Why = Literal["nothing_fits", "min_score", "limit", "token_budget"]

VectorsState = Literal["used", "unavailable", "too_late"]

RerankState = Literal["used", "off", "unavailable", "too_late"]


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
    as_of: datetime | None = None
    """What held then is found, and nothing that was said later."""

    @property
    def narrowed(self) -> bool:
        """Whether the rows must be read to know what is within."""
        narrowing = self.__struct_fields__[2:]
        return any(getattr(self, name) is not None for name in narrowing)


class ScopeSize(msgspec.Struct, frozen=True):
    memories: int
    words_mean: float


class TermCount(msgspec.Struct, frozen=True, gc=False):
    """How many memories have a term; terms that share a place are forms of one word."""

    term: str
    memories: int
    places: Sequence[int] = ()


class TermBounds(msgspec.Struct, frozen=True, kw_only=True):
    """How far the terms of a query are looked at, before and after the rarest are known."""

    languages_max: int
    looked_at_max: int
    probed_max: int
    """A term of fewer memories is counted with that."""
    most: int
    memories_max: int


class Scored(msgspec.Struct, frozen=True, gc=False):
    memory_id: MemoryId
    score: float


class VectorScored(msgspec.Struct, frozen=True, gc=False):
    """Cosines to a query: of the best passage, and of the text within its window (or again of the
    best passage, where it has none)."""

    memory_id: MemoryId
    own: float
    window: float


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recalled, and how much of it."""

    query: str
    limit: int = 10
    token_budget: int = 2_000
    min_score: float = 0.0
    fits_min: float = 0.0
    """Nothing is recalled where it is less probable that anything fits."""
    behind_max: float = math.inf
    """What is so many points behind the best is not recalled."""


class ArmSignal(msgspec.Struct, kw_only=True):
    """`rank` is None where the other arm, or a neighbour, proposed the memory."""

    score: float
    rank: int | None


class Signals(msgspec.Struct, kw_only=True):
    """Why a memory has its place: both arms, the points that each feature gave, and what the
    reranking model said, where it was asked."""

    words: ArmSignal
    vector: ArmSignal | None
    points: dict[str, float]
    rerank: ArmSignal | None = None


class Recalled(msgspec.Struct, kw_only=True):
    memory: Memory
    score: float
    signals: Signals | None = None


class LeftOut(msgspec.Struct, kw_only=True):
    """A memory that is not in the answer, or, for the token budget, not in its `context`."""

    memory: str
    score: float
    why: Why


class RecallUsage(msgspec.Struct, kw_only=True):
    """`vectors` says whether the query could be embedded; if not, words alone were searched.
    `reranked` says whether a cross-encoder ordered the best."""

    vectors: Literal["used", "unavailable", "too_late"]
    reranked: Literal["used", "off", "unavailable", "too_late"]
    candidates: int
    context_tokens: int


class Recollection(msgspec.Struct, kw_only=True):
    object: Literal["recall"] = "recall"
    data: list[Recalled]
    context: str
    usage: RecallUsage
    confidence: float
    """The probability that anything here fits the query."""
    left_out: list[LeftOut] | None = None
    """The best of what was left out, where `explain` asks for it."""
