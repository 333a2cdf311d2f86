"""What clients send to recall, and what it means."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.config import Config
from app.errors import InvalidRequest
from app.ids import ProjectId, UserId
from app.memory.bodies import Time, check_depth, conversation_id, time_of
from app.memory.clean import without_nul
from app.memory.types import Kind
from app.recall.types import Asked, Reach

LIMIT = 10
TOKEN_BUDGET = 2_000
TOKEN_BUDGET_MAX = 100_000


class RecallFilter(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All that is given must hold. `since` is within, `until` is not; `metadata` must be held."""

    kinds: list[Kind] | None = None
    speakers: list[str] | None = None
    episodes: list[str] | None = None
    metadata: dict[str, Any] | None = None
    since: Time | None = None
    until: Time | None = None


class RecallBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    query: str
    user: str | None = None
    conversation: str | None = None
    limit: Annotated[int, Meta(ge=1)] = LIMIT
    token_budget: Annotated[int, Meta(ge=1, le=TOKEN_BUDGET_MAX)] = TOKEN_BUDGET
    filter: RecallFilter = msgspec.field(default_factory=RecallFilter)
    min_score: Annotated[float, Meta(ge=0, le=1)] = 0.0
    as_of: Time | None = None
    explain: bool = False


def asked_of(body: RecallBody, config: Config) -> Asked:
    """Raises InvalidRequest."""
    if not body.query.strip():
        raise InvalidRequest("'query' must not be empty.", param="query")
    if len(body.query.encode()) > config.memory_bytes_max:
        raise InvalidRequest(
            f"'query' is larger than {config.memory_bytes_max} bytes.", param="query"
        )
    if body.limit > config.recall_limit_max:
        raise InvalidRequest(f"'limit' must be from 1 to {config.recall_limit_max}.", param="limit")
    asked = Asked(
        query=body.query,
        limit=body.limit,
        token_budget=body.token_budget,
        min_score=body.min_score,
    )
    return without_nul(asked)


def reach_of(body: RecallBody, project: ProjectId, users: list[UserId]) -> Reach:
    """Raises InvalidRequest."""
    only = body.filter
    check_depth(only.metadata or {}, "filter.metadata")
    reach = Reach(
        project=project,
        users=users,
        conversation=conversation_id(body.conversation),
        kinds=only.kinds,
        speakers=only.speakers,
        episodes=only.episodes,
        metadata=only.metadata,
        since=time_of(only.since, "filter.since"),
        until=time_of(only.until, "filter.until"),
        as_of=time_of(body.as_of, "as_of"),
    )
    return without_nul(reach)
