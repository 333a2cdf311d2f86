"""A response: what is asked, what is stored."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from app.cache.types import CacheControl
from app.engine.types import Item
from app.ids import ConversationId, ProjectId, ResponseId, TurnId, UserId
from app.limits.allowance import Allowance
from app.usage.types import RequestRecord
from app.web.idempotency import Claim
from app.web.metadata import Metadata
from app.web.principal import Caller


class RecallOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    token_budget: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    min_score: float | None = None


class MemoryOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The field `memory` of a request, as an object. Remembering follows `store` unless said."""

    recall: RecallOptions | bool = False
    remember: bool | None = None


class ContextManagement(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's: where the context is above so many tokens, it is compacted first."""

    type: Literal["compaction"]
    compact_threshold: Annotated[int, Meta(ge=1)] | None = None


class ResponseFields(msgspec.Struct, kw_only=True):
    """The fields of a request that Backstory acts on. All others go to the engine as they are."""

    model: Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^[^\x00]+$")]
    input: str | list[Item] | msgspec.UnsetType = msgspec.UNSET
    instructions: str | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    metadata: Metadata | None = None
    user: str | None = None
    memory: bool | dict[str, Any] | None = None
    cache: bool | dict[str, Any] | None = None
    context_management: list[ContextManagement] | None = None


class ContextFields(msgspec.Struct, kw_only=True):
    """The fields of a request that make what the engine reads."""

    input: str | list[Item] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    user: str | None = None


class CountFields(ContextFields, kw_only=True):
    """Of a request whose tokens are counted; its tools and formats count too."""

    model: str | None = None


class CompactFields(ContextFields, kw_only=True):
    """Of a context that is to be made smaller."""

    model: Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^[^\x00]+$")]


class CountedTokens(msgspec.Struct, frozen=True, kw_only=True):
    object: Literal["response.input_tokens"] = "response.input_tokens"
    input_tokens: int


class CompactedContext(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's: pass `output` as the next input."""

    id: str
    object: Literal["response.compaction"] = "response.compaction"
    created_at: int
    output: list[Item]
    usage: dict[str, Any]


class Typed(msgspec.Struct):
    """What says of itself what it is; what else it holds depends on that."""

    type: str


class JsonSchemaFormat(msgspec.Struct, kw_only=True):
    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class FunctionTool(msgspec.Struct, kw_only=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class TextOptions(msgspec.Struct, kw_only=True):
    format: Typed | None = None
    verbosity: str | None = None


class ReasoningOptions(msgspec.Struct, kw_only=True):
    effort: str | None = None
    summary: str | None = None


class StreamOptions(msgspec.Struct, kw_only=True):
    include_obfuscation: bool | None = None


class Parameters(msgspec.Struct, kw_only=True):
    """The standard's other fields, of which only the types are checked: the engine knows their
    ranges, and the response repeats them. Any of them may hold more than is known here."""

    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_logprobs: int | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    parallel_tool_calls: bool | None = None
    tools: list[Typed] | None = None
    tool_choice: str | Typed | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    include: list[str] | None = None
    truncation: str | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt: dict[str, Any] | None = None
    stream_options: StreamOptions | None = None
    context_management: list[dict[str, Any]] | None = None


class CreateRequest(msgspec.Struct, kw_only=True):
    """A request, read and checked: what we act on, and what the engine gets besides."""

    fields: ResponseFields
    items: list[Item]
    parameters: dict[str, Any]
    conversation: str | None
    cache_control: CacheControl = CacheControl()
    threaded: bool = False
    """It is of a conversation, even if it is the first that is said in it."""
    continued_here: str | None = None
    """The response that a connection continues from its own memory: `items` begin with it."""
    generate: bool = True
    """Whether the engine is to answer, or the state to be prepared only."""

    @property
    def store(self) -> bool:
        return self.fields.store is not False

    @property
    def stream(self) -> bool:
        return self.fields.stream is True

    @property
    def background(self) -> bool:
        return self.fields.background is True


ClientLeft = Callable[[], Awaitable[None]]


class Call(msgspec.Struct, kw_only=True):
    """One request on its way: who, what, its line of the log, its idempotency key."""

    caller: Caller
    request: CreateRequest
    record: RequestRecord
    take_record: Callable[[], None]
    """Called when the response begins: from then on its run writes the record."""
    client_left: ClientLeft
    """Returns when the client has gone away."""
    started: float
    """Of time.perf_counter."""
    claim: Claim | None = None
    allowance: Allowance | None = None
    """None where nothing limits what it spends."""


class EngineCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A response as its engine keeps it."""

    engine: str
    engine_response_id: str
    first_item_id: UUID
    parent: TurnId | None
    """The turn that it continues there."""
    items: int
    """Of its context and output."""


class EngineHead(msgspec.Struct, frozen=True):
    """An engine's response that nothing has continued yet."""

    engine: str
    engine_response_id: str
    items: int


class StoredResponse(msgspec.Struct, frozen=True):
    response_id: ResponseId
    user_id: UserId
    conversation_id: ConversationId | None
    previous_response_id: ResponseId | None
    status: Literal["completed", "incomplete", "failed", "cancelled"]
    model: str
    created_at: datetime
    completed_at: datetime | None
    fields: dict[str, Any]
    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    instructions: str | None
    tools: list[Any] | None
    recalled: list[UUID]
    branch_id: UUID
    start_position: int
    output_position: int
    end_position: int
    resent: bool
    """The client sent what came before again, instead of naming it."""

    @property
    def turn_id(self) -> TurnId:
        """A response and its turn have the same UUID."""
        return TurnId(self.response_id)


class StoredLog(msgspec.Struct, frozen=True):
    events: bytes


class RunningResponse(msgspec.Struct, frozen=True):
    """One that is still being made, as every worker sees it."""

    response_id: ResponseId
    user_id: UserId
    worker_id: UUID
    resource: Any
    """As it began."""
    plan: Any
    """A commit.Plan: what its turn is made of, should its worker die."""
    cancelled: bool = False


class Lease(msgspec.Struct, frozen=True):
    response_id: ResponseId
    cancelled: bool


class NewSegment(msgspec.Struct, frozen=True):
    response_id: ResponseId
    number: int
    events: bytes


class Segment(msgspec.Struct, frozen=True):
    """Events of a running response that were written together, packed as in log.py."""

    number: int
    events: bytes


class Abandoned(msgspec.Struct, frozen=True):
    project_id: ProjectId
    response_id: ResponseId
