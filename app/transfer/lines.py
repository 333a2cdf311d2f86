"""From a line to a memory that can be stored: everything checked, nothing looked up."""

from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from pgvector import HalfVector

from app.errors import InvalidRequest
from app.ids import MemoryId, UserId, created_at, new_id, parse_id
from app.memory.bodies import (
    Name,
    bounded,
    check_depth,
    check_size,
    conversation_id,
    memory_id,
    time_of,
)
from app.memory.clean import without_nul
from app.memory.show import SOURCE_PREFIX
from app.memory.types import FactDetails, NewMemory, SourceKey
from app.transfer.types import (
    WINDOW,
    FactRest,
    Incoming,
    MemoryLine,
    Model,
    Notes,
    SourceLine,
    Stamp,
    StoredVector,
    Vector,
    Version,
)

LENGTH_TOLERANCE = 0.01
"""Recall takes the inner product of two vectors for their cosine."""


CLOCKS_APART_MAX = timedelta(minutes=5)
"""Of two machines."""


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a line belongs to that does not say it."""

    conversation: str | None = None
    episode: Name | None = None


class Reader:
    """Of the lines of one file. Those without a time were said one after another, now."""

    def __init__(
        self, defaults: Defaults, model: Model | None, now: datetime, content_bytes_max: int
    ) -> None:
        self._defaults = defaults
        self._model = model
        self._now = now
        self._bytes_max = content_bytes_max

    def read(self, number: int, line: MemoryLine, owner: UserId) -> Incoming:
        """Raises InvalidRequest or TooLarge."""
        check_size(line.content, line.metadata, self._bytes_max)
        memory = without_nul(bounded(self._memory(line, owner)))
        return Incoming(
            number=number,
            memory=memory,
            named=line.id is not None,
            timed=line.occurred_at is not None,
            stamp=_stamp(line),
            notes=_notes(line),
            vectors=_vectors(line.vectors, self._model),
            versions=tuple(map(_version, line.versions)),
        )

    def _memory(self, line: MemoryLine, owner: UserId) -> NewMemory:
        return NewMemory(
            memory_id=MemoryId(new_id()) if line.id is None else _own_id(line.id),
            user_id=owner,
            kind=line.kind,
            content=line.content,
            trust=line.trust,
            speaker=line.speaker,
            conversation_id=conversation_id(line.conversation or self._defaults.conversation),
            episode=line.episode or self._defaults.episode,
            external_id=line.external_id,
            occurred_at=time_of(line.occurred_at, "occurred_at") or self._next_moment(),
            valid_from=time_of(line.valid_from, "valid_from"),
            valid_to=time_of(line.valid_to, "valid_to"),
            expires_at=time_of(line.expires_at, "expires_at"),
            confidence=line.confidence,
            metadata=line.metadata,
            sources=tuple(dict.fromkeys(_source(source) for source in line.sources)),
            fact=_fact(line),
        )

    def _next_moment(self) -> datetime:
        self._now += timedelta(microseconds=1)
        return self._now


def _own_id(text: str) -> MemoryId:
    """Ids tell when they were made; one of the future would stand before all that is made now."""
    found = _memory_id(text, "id")
    if created_at(found) > datetime.now(UTC) + CLOCKS_APART_MAX:
        raise InvalidRequest(f"The id '{text}' was made in the future.", param="id")
    return found


def _memory_id(text: str, param: str) -> MemoryId:
    found = memory_id(text)
    if found is None:
        raise InvalidRequest(
            f"'{text[:60]}' is not the id of a memory: it looks like 'mem_…'.", param=param
        )
    return found


def _source(source: SourceLine) -> SourceKey:
    found = parse_id(SOURCE_PREFIX[source.type], source.id)
    if found is None:
        raise InvalidRequest(
            f"'{source.id[:60]}' is not the id of a source of type '{source.type}'.",
            param="sources",
        )
    return SourceKey(source.type, found)


def _fact(line: MemoryLine) -> FactDetails | None:
    if line.kind != "fact" or line.subject is None:
        return None
    rest = line.fact or FactRest(about=line.subject.casefold())
    return without_nul(
        FactDetails(
            subject=line.subject,
            about=rest.about,
            reason=line.confidence_reason or "",
            attribute=line.attribute,
            value=rest.value,
            entities=line.entities,
            seen=rest.seen,
        )
    )


def _notes(line: MemoryLine) -> Notes:
    return Notes(
        uses=line.uses,
        used_at=time_of(line.used_at, "used_at"),
        kept_at=line.fact.kept_at if line.fact else None,
        read_version=line.read_version,
    )


def _stamp(line: MemoryLine) -> Stamp | None:
    if not (line.created_at or line.superseded_at or line.superseded_by or line.version > 1):
        return None
    by = line.superseded_by
    if by is not None and by == line.id:
        raise InvalidRequest("A memory cannot supersede itself.", param="superseded_by")
    return Stamp(
        created_at=time_of(line.created_at, "created_at"),
        version=line.version,
        superseded_at=time_of(line.superseded_at, "superseded_at"),
        superseded_by=None if by is None else _memory_id(by, "superseded_by"),
    )


def _version(version: Version) -> Version:
    check_depth(version.metadata, "versions")
    conversation_id(version.conversation)
    if version.superseded_by is not None:
        _memory_id(version.superseded_by, "versions")
    return without_nul(version)


def _vectors(vectors: tuple[Vector, ...], model: Model | None) -> tuple[StoredVector, ...]:
    """Those of the model that embeds here; what others made is made anew."""
    if model is None:
        return ()
    found = {vector.part: _vector(vector) for vector in vectors if vector.model == model.name}
    mine = [
        vector for vector in found.values() if vector.embedding.dimensions() == model.dimensions
    ]
    return tuple(mine)


def _vector(vector: Vector) -> StoredVector:
    if (vector.part == WINDOW) != (vector.made_of is not None):
        raise InvalidRequest("'made_of' belongs to part -1, and to no other.", param="vectors")
    try:
        data = b64decode(vector.float16, validate=True)
        numbers = np.frombuffer(data, dtype="<f2")
    except (Base64Error, ValueError):
        raise _no_vector() from None
    length = np.linalg.norm(numbers.astype(np.float64))
    if not abs(length - 1) <= LENGTH_TOLERANCE:
        raise _no_vector()
    return StoredVector(vector.part, vector.made_of, HalfVector(numbers))


def _no_vector() -> InvalidRequest:
    return InvalidRequest(
        "'float16' must be the base64 of 16-bit numbers, a vector of length 1.", param="vectors"
    )
