"""Engines that know only `/v1/chat/completions`: vLLM, Ollama, llama.cpp and many more."""

from collections.abc import AsyncGenerator

from app.engine.chat_chunk import decode_chunk
from app.engine.chat_events import ChatEvents
from app.engine.chat_request import chat_body
from app.engine.decode import decode_models
from app.engine.http import EngineHttp
from app.engine.types import EngineModel, EngineRequest, Event


class ChatEngine:
    name = "chat"

    def __init__(self, http: EngineHttp) -> None:
        self._http = http

    async def stream(self, request: EngineRequest) -> AsyncGenerator[Event]:
        answer = await self._http.stream("/chat/completions", chat_body(request))
        try:
            events = ChatEvents(request, self._http.secret)
            for event in events.begin():
                yield event
            async for batch in answer:
                for data in batch:
                    for event in events.feed(decode_chunk(data)):
                        yield event
            for event in events.end():
                yield event
            await answer.finish()
        finally:
            answer.close()

    async def models(self) -> list[EngineModel]:
        return decode_models(await self._http.get("/models"))
