"""What clients send to remember, and what it means."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from struct import Struct
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from app.config import Config
from app.errors import BackstoryError, InvalidRequest, TooLarge
from app.ids import ConversationId, MemoryId, UserId, parse_id
from app.memory.types import Kind, NewMemory
from app.web.times import parse_time

Name = Annotated[str, Meta(min_length=1, max_length=512)]
Share = Annotated[float, Meta(ge=0, le=1)]
Time = str | int | float

STORED_SHARE = Struct("f")
"""As Postgres stores a `real`."""

METADATA_DEPTH_MAX = 32
"""Far more than any reader can follow, and far less than would exhaust a stack."""


class MemoryFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`external_id` makes it idempotent: remembered again with another content, it is replaced.
    A time is RFC 3339 or Unix seconds; `occurred_at` is now where it is left out."""

    kind: Kind = "note"
    user: str | None = None
    speaker: Name | None = None
    conversation: str | None = None
    episode: Name | None = None
    external_id: Name | None = None
    occurred_at: Time | None = None
    valid_from: Time | None = None
    valid_to: Time | None = None
    expires_at: Time | None = None
    confidence: Share | None = None
    metadata: dict[str, Any] = {}


class MemoryBody(MemoryFields, kw_only=True, forbid_unknown_fields=True):
    content: str


class RememberBody(MemoryFields, kw_only=True, forbid_unknown_fields=True):
    """One memory, or many in `memories`; then only `user` may stand beside it, for all of them."""

    content: str | None = None
    memories: list[MemoryBody] | None = None


def bodies_of(body: RememberBody, config: Config) -> list[MemoryBody]:
    """The memories of a request, within the limits. Raises InvalidRequest or TooLarge."""
    if body.memories is None:
        if body.content is None:
            raise InvalidRequest("Missing required parameter: 'content'.", param="content")
        found = [msgspec.convert(_given(body), MemoryBody)]
    else:
        if beside := sorted(set(_given(body)) - {"memories", "user"}):
            raise InvalidRequest(
                f"'{beside[0]}' cannot stand beside 'memories': name it in each of them.",
                param=beside[0],
            )
        found = body.memories
    if not 1 <= len(found) <= config.memories_per_request_max:
        raise InvalidRequest(
            f"'memories' must have from 1 to {config.memories_per_request_max} entries.",
            param="memories",
        )
    for place, memory in placed(found, body):
        with below(place):
            check_size(memory.content, memory.metadata, config.memory_bytes_max)
    return found


def placed(memories: Sequence[MemoryBody], body: RememberBody) -> Iterator[tuple[str, MemoryBody]]:
    """Each with where it stands in the request, for errors to name."""
    for number, memory in enumerate(memories):
        yield "" if body.memories is None else f"memories[{number}]", memory


@contextmanager
def below(place: str) -> Iterator[None]:
    """An error inside is about a field of what stands there."""
    try:
        yield
    except BackstoryError as error:
        if place:
            error.message = f"{place}: {error.message}"
            error.param = f"{place}.{error.param}" if error.param else place
        raise


def _given(body: RememberBody) -> dict[str, Any]:
    """The fields that were sent, or as good as."""
    defaults = RememberBody()
    return {
        name: value
        for name in body.__struct_fields__
        if (value := getattr(body, name)) != getattr(defaults, name)
    }


def check_size(content: str, metadata: dict[str, Any], bytes_max: int) -> None:
    """Raises InvalidRequest or TooLarge."""
    if not content.strip():
        raise InvalidRequest("'content' must not be empty.", param="content")
    check_depth(metadata, "metadata")
    if len(content.encode()) > bytes_max:
        raise TooLarge(f"'content' is larger than {bytes_max} bytes.", param="content")
    if len(msgspec.json.encode(metadata)) > bytes_max:
        raise TooLarge(f"'metadata' is larger than {bytes_max} bytes.", param="metadata")


def check_depth(metadata: dict[str, Any], param: str) -> None:
    level: list[Any] = [metadata]
    for _ in range(METADATA_DEPTH_MAX):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise InvalidRequest(
            f"'{param}' is nested more than {METADATA_DEPTH_MAX} deep.", param=param
        )


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def new_memory(body: MemoryBody, user: UserId, now: datetime) -> NewMemory:
    """Raises InvalidRequest."""
    memory = NewMemory(
        user_id=user,
        kind=body.kind,
        content=body.content,
        trust="application",
        speaker=body.speaker,
        conversation_id=conversation_id(body.conversation),
        episode=body.episode,
        external_id=body.external_id,
        occurred_at=time_or(body.occurred_at, "occurred_at", now),
        valid_from=time_of(body.valid_from, "valid_from"),
        valid_to=time_of(body.valid_to, "valid_to"),
        expires_at=time_of(body.expires_at, "expires_at"),
        confidence=body.confidence,
        metadata=body.metadata,
    )
    return bounded(memory)


def bounded(memory: NewMemory) -> NewMemory:
    """Whichever way it came. `confidence` is as it will be stored, so that the same again is no
    change. Raises InvalidRequest."""
    if memory.valid_from and memory.valid_to and memory.valid_to < memory.valid_from:
        raise InvalidRequest("'valid_to' must not be before 'valid_from'.", param="valid_to")
    if memory.confidence is None:
        return memory
    (confidence,) = STORED_SHARE.unpack(STORED_SHARE.pack(memory.confidence))
    return msgspec.structs.replace(memory, confidence=confidence)


def conversation_id(text: str | None) -> ConversationId | None:
    """Raises InvalidRequest where it is no such id; whether there is one is not asked."""
    if text is None:
        return None
    parsed = parse_id("conv", text)
    if parsed is None:
        raise InvalidRequest(
            f"'{text}' is not the id of a conversation: it looks like 'conv_…'.",
            param="conversation",
        )
    return ConversationId(parsed)


def memory_id(text: str) -> MemoryId | None:
    parsed = parse_id("mem", text)
    return None if parsed is None else MemoryId(parsed)


def kind_of(text: str | None) -> Kind | None:
    """Raises InvalidRequest."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    for kind in kinds:
        if text == kind:
            return kind
    if text is None:
        return None
    raise InvalidRequest(f"'kind' must be one of {', '.join(kinds)}.", param="kind")


def time_of(value: Time | None, param: str) -> datetime | None:
    return None if value is None else parse_time(value, param)


def time_or(value: Time | None, param: str, now: datetime) -> datetime:
    return now if value is None else parse_time(value, param)
