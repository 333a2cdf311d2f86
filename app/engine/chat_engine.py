"""Engines that know only `/v1/chat/completions`: vLLM, Ollama, llama.cpp and many more."""

from collections.abc import AsyncGenerator
from itertools import chain

from app.engine.chat_chunk import decode_chunk
from app.engine.chat_events import ChatEvents
from app.engine.chat_request import chat_body
from app.engine.count import Counter
from app.engine.decode import decode_models, up_to_error
from app.engine.http import EngineHttp, EventStream
from app.engine.images import seeing
from app.engine.sse import data_of_events
from app.engine.types import Batch, EngineModel, EngineRequest, Secret
from app.errors import EngineRefused

COUNTED = frozenset({"model", "messages", "tools", "tool_choice"})
"""What an endpoint that counts takes."""


class ChatEngine:
    name = "chat"
    native = False

    def __init__(self, http: EngineHttp) -> None:
        self._http = http
        self.address = http.address
        self._counter = Counter(http, "/chat/completions/input_tokens")
        self.breaker = http.breaker

    async def stream(self, request: EngineRequest) -> AsyncGenerator[Batch]:
        answer = await self._ask(request)
        try:
            events = ChatEvents(request, self._http.text_of(request.secret))
            yield list(events.begin())
            async for whole in answer:
                chunks = map(decode_chunk, data_of_events(whole))
                fed, error = up_to_error(chain.from_iterable(map(events.feed, chunks)))
                if fed:
                    yield fed
                if error:
                    raise error
            last = list(events.end())
            answer.ended()
            yield last
        finally:
            answer.close()

    async def _ask(self, request: EngineRequest) -> EventStream:
        async with seeing(request) as seen:
            return await self._http.stream("/chat/completions", chat_body(seen), request.secret)

    async def models(self, secret: Secret | None = None) -> list[EngineModel]:
        return decode_models(await self._http.get("/models", secret))

    async def delete(self, engine_response_id: str, secret: Secret | None = None) -> None:
        """It keeps nothing."""

    async def count(self, request: EngineRequest) -> int | None:
        """llama.cpp counts chat completions too. What can't be translated is not counted."""
        try:
            async with seeing(request) as seen:
                body = chat_body(seen)
                counted = {name: value for name, value in body.items() if name in COUNTED}
                return await self._counter.count(counted, request.secret)
        except EngineRefused:
            return None
