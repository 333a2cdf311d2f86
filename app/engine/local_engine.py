"""The bundled engine: a small model that makes every example run, where no engine is configured.

It is asked for chat completions, since llama.cpp's own `/v1/responses` calls an answer that was
cut off at `max_output_tokens` completed, and its events name no output index.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import msgspec

from app.engine.chat_engine import ChatEngine
from app.engine.forced_calls import as_call, functions_to_call, held_to_call
from app.engine.http import EngineHttp
from app.engine.local_server import MODEL
from app.engine.types import Batch, EngineModel, EngineRequest, Event, Item, Secret
from app.errors import EngineRefused

MODELS = (MODEL, "@oi/beta")
"""OpenInfer's name too, so that its examples run as they stand."""

OUTPUT_TOKENS_DEFAULT = 512
"""Where the request names no limit: a model this small often does not know where to stop."""


class LocalEngine:
    name = "local"
    native = False

    def __init__(self, http: EngineHttp) -> None:
        self._chat = ChatEngine(http)
        self.address = http.address
        self.breaker = http.breaker

    async def stream(self, request: EngineRequest) -> AsyncGenerator[Batch]:
        _check(request)
        if functions := functions_to_call(request):
            last = await self._last_event(held_to_call(request, functions))
            yield as_call(request, last)
            return
        async with aclosing(self._chat.stream(_bounded(request))) as batches:
            async for batch in batches:
                yield batch

    async def _last_event(self, request: EngineRequest) -> Event:
        """A call is read when it is whole: half of one is nothing to begin with."""
        async with aclosing(self._chat.stream(_bounded(request))) as batches:
            return [event async for batch in batches for event in batch][-1]

    async def models(self, secret: Secret | None = None) -> list[EngineModel]:
        """The names that it answers to, once it answers."""
        served = await self._chat.models()
        window = served[0].context_tokens if served else None
        return [
            EngineModel(id=name, owned_by="backstory", context_tokens=window) for name in MODELS
        ]

    async def count(self, request: EngineRequest) -> int | None:
        return await self._chat.count(request)

    async def delete(self, engine_response_id: str, secret: Secret | None = None) -> None:
        """It keeps nothing."""


def _bounded(request: EngineRequest) -> EngineRequest:
    parameters = {"max_output_tokens": OUTPUT_TOKENS_DEFAULT, **request.parameters}
    return msgspec.structs.replace(request, parameters=parameters)


def _check(request: EngineRequest) -> None:
    if request.model not in MODELS:
        raise EngineRefused(
            f"The requested model '{request.model}' does not exist.",
            status=400,
            param="model",
            code="model_not_found",
        )
    if any(part.get("type") == "input_image" for part in _parts(request.input)):
        raise EngineRefused(
            "The local engine cannot see images: configure an engine that can.",
            status=400,
            param="input",
            code="unsupported_image",
        )


def _parts(items: list[Item]) -> Iterator[Item]:
    for item in items:
        for content in (item.get("content"), item.get("output")):
            if isinstance(content, list):
                yield from content
