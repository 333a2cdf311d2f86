"""The port to an inference API: one request in, a stream of Responses events out."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from app.engine.breaker import Breaker

Event = dict[str, Any]
"""One decoded server-sent event of the Responses API; its `type` is always there."""

Item = dict[str, Any]
"""One input or output item as the Responses API writes it."""


Batch = Iterable[Event]
"""Events that arrived together, at least one: a list, or Deltas, which are alike."""


class Images(Protocol):
    """The images of a request, which are read only when it is sent."""

    def inlined(self, asked: Sequence[Item]) -> AbstractAsyncContextManager[list[Item]]:
        """The items with their images in them, as data URLs, for as long as they are needed."""
        ...


class Secret(msgspec.Struct, frozen=True):
    """A key of the engine. It is in no repr, so that no log or error shows it."""

    value: str

    def __repr__(self) -> str:
        return "Secret(…)"


class EngineRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine is asked: the whole context, nothing that only Backstory understands.

    `parameters` holds every other field of the body (temperature, tools, text, fields unknown
    to us, …), never `store`, `stream` or `previous_response_id`: an engine sets those itself.

    A native engine may `keep` the response, and go on from the one of its own that it knows as
    `continues`: then it needs only the input from `new_from` on. The others need all of it.
    """

    model: str
    input: list[Item]
    instructions: str | None = None
    parameters: dict[str, Any] = {}
    user: str | None = None
    keep: bool = False
    continues: str | None = None
    new_from: int = 0
    secret: Secret | None = None
    """The key that pays for it, where it is not the installation's."""
    images: Images | None = None
    """Where `input` refers to images, what has them."""


class EngineModel(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created: int = 0
    owned_by: str = "engine"
    context_tokens: int | None = None
    """How many tokens one call may hold, where the engine tells."""


class Engine(Protocol):
    """Three lives: responses_engine, chat_engine, local_engine; one contract test for all."""

    name: str
    address: str
    """Its base URL, without credentials: whose responses are whose."""
    native: bool
    """It is asked to keep its responses, and to continue them."""
    breaker: Breaker

    def stream(self, request: EngineRequest) -> AsyncGenerator[Batch]:
        """The engine's events in order, each parsed once, those together that arrived together.

        Ends by itself only after a terminal event (`response.completed`, `.incomplete`,
        `.failed` or `error`). Raises an EngineError where the engine refuses, breaks off,
        stalls or speaks no protocol. Closing the iterator ends the call at the engine.
        """
        ...

    async def models(self, secret: Secret | None = None) -> list[EngineModel]:
        """Raises an EngineError."""
        ...

    async def delete(self, engine_response_id: str, secret: Secret | None = None) -> None:
        """It keeps that response no longer, if it did. Raises an EngineError."""
        ...

    async def count(self, request: EngineRequest) -> int | None:
        """How many tokens the request has, by the engine's own counter; None where it has none,
        or where it does not answer."""
        ...
