"""Engines with `/v1/responses`: OpenInfer, OpenAI and all that follow them."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from app.engine.failures import NOT_JSON, error_of_event
from app.engine.http import EngineHttp
from app.engine.sse import DONE
from app.engine.types import EngineModel, EngineRequest, Event
from app.errors import EngineBroken

TERMINAL_EVENTS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "error"}
)


class ResponsesEngine:
    name = "responses"

    def __init__(self, http: EngineHttp) -> None:
        self._http = http

    async def stream(self, request: EngineRequest) -> AsyncGenerator[Event]:
        answer = await self._http.stream("/responses", responses_body(request))
        try:
            async for batch in answer:
                for data in batch:
                    if data == DONE:
                        continue
                    event = self._event(data)
                    yield event
                    if event["type"] in TERMINAL_EVENTS:
                        await answer.finish()
                        return
        finally:
            answer.close()
        raise ended_early()

    async def models(self) -> list[EngineModel]:
        return decode_models(await self._http.get("/models"))

    def _event(self, data: bytes) -> Event:
        event = decode_object(data)
        if isinstance(event.get("type"), str):
            return event
        if "error" in event:
            raise error_of_event(event["error"], self._http.secret)
        raise EngineBroken("The engine sent an event without a type.")


def responses_body(request: EngineRequest) -> dict[str, Any]:
    """The whole context each time, and nothing kept there: any engine can take the next turn."""
    body = {**request.parameters, "model": request.model, "input": request.input}
    if request.instructions is not None:
        body["instructions"] = request.instructions
    if request.user is not None:
        body["user"] = request.user
    return {**body, "stream": True, "store": False}


def ended_early() -> EngineBroken:
    return EngineBroken("The engine ended its stream before its answer was complete.")


_decoder = msgspec.json.Decoder(dict[str, Any])


def decode_object(data: bytes) -> dict[str, Any]:
    try:
        return _decoder.decode(data)
    except NOT_JSON:
        raise EngineBroken("The engine sent an event that is not a JSON object.") from None


class _Model(msgspec.Struct):
    id: str
    created: float | None = None
    owned_by: str | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


def decode_models(body: bytes) -> list[EngineModel]:
    try:
        models = msgspec.json.decode(body, type=_Models).data
    except NOT_JSON:
        raise EngineBroken("The engine's list of models is not of OpenAI's shape.") from None
    return [
        EngineModel(
            id=model.id, created=int(model.created or 0), owned_by=model.owned_by or "engine"
        )
        for model in models
    ]
