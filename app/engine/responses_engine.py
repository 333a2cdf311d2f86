"""Engines with `/v1/responses`: OpenInfer, OpenAI and all that follow them."""

from collections.abc import AsyncGenerator, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
import structlog

from app.engine.count import Counter
from app.engine.decode import decode_models, decode_object, up_to_error
from app.engine.deltas import DeltaReader, Deltas
from app.engine.failures import ended_early, error_of_event
from app.engine.http import EngineHttp, EventStream
from app.engine.images import seeing
from app.engine.sse import data_of_events, few_at_a_time
from app.engine.types import Batch, EngineModel, EngineRequest, Event, Secret
from app.errors import EngineBroken, EngineRefused

log = structlog.get_logger()

TERMINAL_EVENTS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "error"}
)

COUNTED = frozenset(
    {
        *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls"),
        *("text", "reasoning"),
    }
)
"""What an endpoint that counts takes; it refuses the rest."""


class ResponsesEngine:
    name = "responses"

    def __init__(self, http: EngineHttp, *, native: bool = False) -> None:
        self._http = http
        self.native = native
        self.address = http.address
        self._counter = Counter(http, "/responses/input_tokens")
        self.breaker = http.breaker

    async def stream(self, request: EngineRequest) -> AsyncGenerator[Batch]:
        answer = await self._ask(request)
        deltas = DeltaReader()
        try:
            async for whole in answer:
                for batch in self._batches(whole, deltas, request.secret):
                    if isinstance(batch, list) and batch[-1]["type"] in TERMINAL_EVENTS:
                        answer.ended()
                        yield batch
                        return
                    yield batch
        finally:
            answer.close()
        raise ended_early()

    async def models(self, secret: Secret | None = None) -> list[EngineModel]:
        return decode_models(await self._http.get("/models", secret))

    async def delete(self, engine_response_id: str, secret: Secret | None = None) -> None:
        try:
            await self._http.delete(f"/responses/{quote(engine_response_id, safe='')}", secret)
        except EngineRefused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    async def _ask(self, request: EngineRequest) -> EventStream:
        """Where it does not go on from its own response, it gets the whole context."""
        if request.continues is not None:
            try:
                return await self._post(_only_new(request))
            except EngineRefused as error:
                if not _is_about(error, request.continues):
                    raise
                log.info("engine.continuation_refused", code=error.code)
        return await self._post(msgspec.structs.replace(request, continues=None))

    async def _post(self, request: EngineRequest) -> EventStream:
        async with seeing(request) as seen:
            return await self._http.stream("/responses", responses_body(seen), request.secret)

    async def count(self, request: EngineRequest) -> int | None:
        """What cannot be sent is not counted."""
        try:
            async with seeing(request) as seen:
                body = responses_body(seen)
                counted = {name: value for name, value in body.items() if name in COUNTED}
                return await self._counter.count(counted, request.secret)
        except EngineRefused:
            return None

    def _batches(
        self, whole: bytes, deltas: DeltaReader, secret: Secret | None
    ) -> Iterator[Deltas | list[Event]]:
        if alike := deltas.read(whole):
            yield alike
        elif len(parts := few_at_a_time(whole)) > 1:  # most of them may be alike
            for part in parts:
                yield from self._batches(part, deltas, secret)
        else:
            events, error = up_to_error(self._events(data_of_events(whole), secret))
            if events:
                yield events
            if error:
                raise error
            deltas.learn(whole, events)

    def _events(self, found: list[bytes], secret: Secret | None) -> Iterator[Event]:
        """Up to the terminal one: what follows it is nobody's."""
        for data in found:
            event = self._event(data, secret)
            yield event
            if event["type"] in TERMINAL_EVENTS:
                return

    def _event(self, data: bytes, secret: Secret | None) -> Event:
        event = decode_object(data)
        if isinstance(event.get("type"), str):
            return event
        if "error" in event:
            raise error_of_event(event["error"], self._http.text_of(secret))
        raise EngineBroken("The engine sent an event without a type.")


def responses_body(request: EngineRequest) -> dict[str, Any]:
    """The whole context, unless the engine goes on from what it has."""
    body = {**request.parameters, "model": request.model, "input": request.input}
    if request.instructions is not None:
        body["instructions"] = request.instructions
    if request.user is not None:
        body["user"] = request.user
    if request.continues is not None:
        body["previous_response_id"] = request.continues
    return {**body, "stream": True, "store": request.keep}


def _only_new(request: EngineRequest) -> EngineRequest:
    return msgspec.structs.replace(request, input=request.input[request.new_from :])


def _is_about(error: EngineRefused, engine_response_id: str) -> bool:
    """Engines tell it by OpenAI's code, by the parameter, or (vLLM) in words alone."""
    return (
        error.code == "previous_response_not_found"
        or error.param == "previous_response_id"
        or engine_response_id in error.message
    )
