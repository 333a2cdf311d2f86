"""A request: one line of the log."""

from datetime import datetime
from typing import Literal

import msgspec

from app.ids import KeyId, ProjectId, RequestId, ResponseId, UserId

CacheStatus = Literal["HIT", "MISS", "COALESCED", "SEMANTIC"]


class RequestRecord(msgspec.Struct):
    """Filled while the request is answered; written with the turn, or later in a batch."""

    project_id: ProjectId
    created_at: datetime
    request_id: RequestId
    user_id: UserId
    key_id: KeyId | None
    endpoint: str
    purpose: str = "client"
    response_id: ResponseId | None = None
    model: str | None = None
    engine: str | None = None
    stream: bool = False
    status: int = 200
    error_code: str | None = None
    cache_status: CacheStatus | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    saved_tokens: int | None = None
    first_token_ms: float | None = None
    total_ms: float = 0.0


class LoggedRequest(msgspec.Struct, kw_only=True):
    """A request as the API shows it; times in milliseconds."""

    id: str
    object: Literal["request"] = "request"
    created_at: datetime
    user: str | None
    api_key: str | None
    endpoint: str
    purpose: str
    response_id: str | None
    model: str | None
    engine: str | None
    stream: bool
    status: int
    error_code: str | None
    cache_status: CacheStatus | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    saved_tokens: int | None
    first_token_ms: float | None
    total_ms: float


class Summary(msgspec.Struct):
    """Totals of a stretch of time; latencies are percentiles in milliseconds."""

    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    saved_tokens: int
    cache_hits: int
    cache_misses: int
    users: int
    total_ms_p50: float | None
    total_ms_p95: float | None
    first_token_ms_p50: float | None
    first_token_ms_p95: float | None


class SummaryAnswer(msgspec.Struct, kw_only=True):
    object: Literal["analytics.summary"] = "analytics.summary"
    start: datetime
    end: datetime
    totals: Summary
