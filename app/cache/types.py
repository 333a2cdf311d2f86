"""What is asked of the cache, and what it keeps."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from app.ids import ResponseId, UserId

NAME_LENGTH_MAX = 200
TAGS_MAX = 20

Name = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX, pattern=r"^[^\x00]+$")]


class CacheOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The field `cache` of a request, as an object."""

    mode: Literal["exact"] = "exact"
    ttl_seconds: Annotated[int, Meta(ge=1, le=31_536_000)] | None = None
    namespace: Name | None = None
    tags: Annotated[list[Name], Meta(max_length=TAGS_MAX)] = []


class CacheControl(msgspec.Struct, frozen=True, kw_only=True):
    """The directives of a request's Cache-Control that are obeyed."""

    no_store: bool = False
    no_cache: bool = False
    only_if_cached: bool = False
    max_age_seconds: int | None = None


class CachePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request's output may be read from and written to, under which key."""

    key: bytes
    user: UserId
    namespace: str
    ttl_seconds: int
    tags: list[str]
    read: bool
    write: bool
    max_age_seconds: int | None = None


class CacheEntry(msgspec.Struct, frozen=True):
    """A stored output: the log of the response that filled it."""

    response_id: ResponseId
    log_id: Any
    model: str
    usage: dict[str, Any] | None
    created_at: datetime
    expires_at: datetime
    events: bytes
