"""What is counted, and what is told of it."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from app.ids import ProjectId
from app.web.limits import Limits, Measure, Span

NOBODY = UUID(int=0)


class Counter(NamedTuple):
    """Of a key or of a user; the other is NOBODY."""

    project: ProjectId
    user_id: UUID
    key_id: UUID
    measure: Measure
    span: Span


class Line(NamedTuple):
    """What a call needs of a counter."""

    counter: Counter
    most: int
    need: int


class Taken(NamedTuple):
    """What a call was given, and of which window."""

    counter: Counter
    began_at: datetime
    amount: int


class Granted(msgspec.Struct, frozen=True):
    """The answer to a line: `amount` is nothing, or what was needed and perhaps more."""

    user_id: UUID
    key_id: UUID
    measure: Measure
    span: Span
    began_at: datetime
    amount: int
    remaining: int
    seconds_left: float
    leased_seconds_ago: float | None
    """Since some worker was granted more than it needed."""


class StoredWindow(msgspec.Struct, frozen=True):
    measure: Measure
    span: Span
    used: int
    resets_at: datetime


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """How a limit stands now. What workers hold and have not used yet counts as used."""

    limit: str
    most: float
    used: float
    remaining: float
    resets_at: datetime


class LimitsOf(msgspec.Struct, frozen=True, kw_only=True):
    """`limits` are its own; of a user, the project's default is in `windows` too."""

    object: Literal["limits"] = "limits"
    api_key: str | None = None
    user: str | None = None
    limits: Limits
    windows: list[Window]


class DeletedLimits(msgspec.Struct, frozen=True, kw_only=True):
    object: Literal["limits.deleted"] = "limits.deleted"
    api_key: str | None = None
    user: str | None = None
    deleted: Literal[True] = True
