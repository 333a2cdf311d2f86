"""A memory on its way from one place to another: a line of a file."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta
from pgvector import HalfVector

from app.errors import BackstoryError
from app.ids import MemoryId
from app.memory.bodies import Name, Share, Time
from app.memory.types import Kind, Memory, NewMemory, SourceType, Trust, Why

FORMAT_VERSION = 1
NAME_LENGTH_MAX = 512
SMALLINT_MAX = 2**15 - 1
WINDOW = -1
COUNT_MAX = 10**9
USES_MAX = 10**15
"""What is counted on from there fits its column."""
VECTORS_MAX = 1_000
VERSIONS_MAX = 1_000
SOURCES_MAX = 10_000

Number = Annotated[int, Meta(ge=1, le=COUNT_MAX)]
Label = Annotated[str, Meta(max_length=NAME_LENGTH_MAX)]
Moment = Annotated[datetime, Meta(tz=True)]
Outcome = Literal["imported", "unchanged", "skipped", "failed"]


class Vector(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of a memory's vectors, exact: `float16` is base64 of its numbers, little-endian.

    Part -1 is that of its window; `made_of` tells which versions of which memories it was made of.
    """

    model: str
    part: Annotated[int, Meta(ge=WINDOW, le=SMALLINT_MAX)]
    float16: str
    made_of: UUID | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a memory was, as its history shows it."""

    version: Number
    kind: Kind
    content: str
    speaker: Name | None
    conversation: str | None
    episode: Name | None
    occurred_at: Moment
    valid_from: Moment | None
    valid_to: Moment | None
    created_at: Moment
    replaced_at: Moment
    why: Why
    superseded_at: Moment | None
    superseded_by: str | None
    expires_at: Moment | None
    confidence: Share | None
    trust: Trust
    metadata: dict[str, Any]


class FactRest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What else is kept of a fact than is shown. Not its statement's key, which no other service
    could use."""

    about: Label
    value: str | None = None
    seen: Number = 1
    kept_at: datetime | None = None


class ExportedMemory(Memory, kw_only=True):
    """A memory as the API shows it, with what else is kept of it."""

    fact: FactRest | None
    read_version: int | None
    """The version that was read for facts."""
    vectors: Sequence[Vector]
    versions: Sequence[Version]


class ExportHeader(msgspec.Struct, kw_only=True):
    object: Literal["memory.export"] = "memory.export"
    version: int = FORMAT_VERSION
    model: str
    exported_at: datetime


class ExportEnd(msgspec.Struct, kw_only=True):
    """The last line: a file without it broke off."""

    object: Literal["memory.export.end"] = "memory.export.end"
    memories: int


class SourceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: SourceType
    id: str
    external_id: str | None = None


class MemoryLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A memory to be imported: an exported one, or as little as its content."""

    content: str
    id: str | None = None
    object: Literal["memory"] = "memory"
    kind: Kind = "note"
    user: str | None = None
    speaker: Name | None = None
    conversation: str | None = None
    episode: Name | None = None
    external_id: Name | None = None
    occurred_at: Time | None = None
    valid_from: Time | None = None
    valid_to: Time | None = None
    created_at: Time | None = None
    superseded_at: Time | None = None
    superseded_by: str | None = None
    expires_at: Time | None = None
    confidence: Share | None = None
    trust: Trust = "application"
    sources: Annotated[tuple[SourceLine, ...], Meta(max_length=SOURCES_MAX)] = ()
    metadata: dict[str, Any] = {}
    version: Number = 1
    uses: Annotated[int, Meta(ge=0, le=USES_MAX)] = 0
    used_at: Time | None = None
    subject: Label | None = None
    attribute: Label | None = None
    entities: tuple[str, ...] = ()
    confidence_reason: str | None = None
    fact: FactRest | None = None
    read_version: Number | None = None
    vectors: Annotated[tuple[Vector, ...], Meta(max_length=VECTORS_MAX)] = ()
    versions: Annotated[tuple[Version, ...], Meta(max_length=VERSIONS_MAX)] = ()


class Told(NamedTuple):
    """The memories of a record, and how much of it is nothing to be remembered."""

    lines: list[MemoryLine]
    skipped: int = 0


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What only a memory has that was stored before."""

    created_at: datetime | None
    version: int
    superseded_at: datetime | None
    superseded_by: MemoryId | None


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """What is noted of a memory beside it."""

    uses: int = 0
    used_at: datetime | None = None
    kept_at: datetime | None = None
    read_version: int | None = None


class Model(NamedTuple):
    """The one that embeds here, and how long its vectors are."""

    name: str
    dimensions: int


class FoundVector(msgspec.Struct, frozen=True):
    """As it is stored."""

    memory_id: MemoryId
    model: str
    part: int
    made_of: UUID | None
    embedding: HalfVector


class FoundFact(msgspec.Struct, frozen=True):
    """As it is stored."""

    memory_id: MemoryId
    about: str
    value: str | None
    seen: int
    kept_at: datetime | None


class FoundReading(msgspec.Struct, frozen=True):
    memory_id: MemoryId
    version: int


class StoredVector(NamedTuple):
    """As it is to be stored."""

    part: int
    made_of: UUID | None
    embedding: HalfVector


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A memory whose line was understood. Where `named`, its id is the line's own; where `timed`,
    the line says when it was."""

    number: int
    memory: NewMemory
    named: bool
    timed: bool
    stamp: Stamp | None = None
    notes: Notes = Notes()
    vectors: tuple[StoredVector, ...] = ()
    versions: tuple[Version, ...] = ()

    @property
    def is_embedded(self) -> bool:
        """With all the vectors that it can have; what stands in no stretch has no window."""
        parts = {vector.part for vector in self.vectors}
        has_stretch = self.memory.conversation_id is not None or self.memory.episode is not None
        return 0 in parts and (WINDOW in parts or not has_stretch)


class Problem(msgspec.Struct, kw_only=True):
    """Why a line, or the entry of a document, was not imported."""

    line: int
    outcome: Outcome
    message: str
    param: str | None
    code: str | None


class ImportReport(msgspec.Struct, kw_only=True):
    """What became of the memories of a file."""

    object: Literal["memory.import"] = "memory.import"
    imported: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    vectors: int = 0
    problems: list[Problem] = []
    problems_left_out: int = 0


class Tally:
    """The report as it grows; of the problems the first so many are told."""

    def __init__(self, problems_max: int) -> None:
        self.report = ImportReport()
        self._problems_max = problems_max

    def count(self, outcome: Outcome, times: int = 1) -> None:
        setattr(self.report, outcome, getattr(self.report, outcome) + times)

    def failed(self, number: int, error: BackstoryError) -> None:
        self.count("failed")
        self._note(number, "failed", error.message, error.param, error.code)

    def skipped(self, number: int, why: str, code: str) -> None:
        self.count("skipped")
        self._note(number, "skipped", why, None, code)

    def _note(
        self, number: int, outcome: Outcome, message: str, param: str | None, code: str | None
    ) -> None:
        if len(self.report.problems) >= self._problems_max:
            self.report.problems_left_out += 1
            return
        self.report.problems.append(
            Problem(line=number, outcome=outcome, message=message, param=param, code=code)
        )
