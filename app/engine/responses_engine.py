"""Engines with `/v1/responses`: OpenInfer, OpenAI and all that follow them."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any

from app.engine.decode import decode_models, decode_object, up_to_error
from app.engine.failures import ended_early, error_of_event
from app.engine.http import EngineHttp
from app.engine.types import EngineModel, EngineRequest, Event
from app.errors import EngineBroken

TERMINAL_EVENTS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "error"}
)


class ResponsesEngine:
    name = "responses"

    def __init__(self, http: EngineHttp) -> None:
        self._http = http
        self.breaker = http.breaker

    async def stream(self, request: EngineRequest) -> AsyncGenerator[list[Event]]:
        answer = await self._http.stream("/responses", responses_body(request))
        try:
            async for batch in answer:
                events, error = up_to_error(self._events(batch))
                if events:
                    yield events
                if error:
                    raise error
                if events[-1]["type"] in TERMINAL_EVENTS:
                    await answer.finish()
                    return
        finally:
            answer.close()
        raise ended_early()

    async def models(self) -> list[EngineModel]:
        return decode_models(await self._http.get("/models"))

    def _events(self, batch: list[bytes]) -> Iterator[Event]:
        """Up to the terminal one: what follows it is nobody's."""
        for data in batch:
            event = self._event(data)
            yield event
            if event["type"] in TERMINAL_EVENTS:
                return

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
