"""An engine that is nothing but the bytes of its stream: for what no engine would do on purpose."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Literal, cast

import aiohttp
import msgspec

from app.config import Config
from app.engine.chat_engine import ChatEngine
from app.engine.http import EngineHttp
from app.engine.responses_engine import ResponsesEngine
from app.engine.types import Engine, Secret
from app.errors import BackstoryError
from tests.support.api import Streamed, read_stream
from tests.support.engine import event_frame
from tests.support.engine_calls import ask
from tests.support.engine_events import Json, chat_chunks, response_events
from tests.support.engine_script import Script
from tests.support.runs import keep_nothing, run_of

Kind = Literal["responses", "chat"]

BODY: Json = {"model": "m", "input": "Hi", "stream_options": {"include_usage": True}}
DONE = b"data: [DONE]\n\n"
EVENT_BYTES_MAX = 20_000
CONFIG = Config(
    engine_url="http://engine",
    engine_event_bytes_max=EVENT_BYTES_MAX,
    engine_retries_max=0,
    engine_breaker_failures_max=10**9,
)


def frames_of(kind: Kind, script: Script, text: str) -> list[bytes]:
    """What an engine sends, event by event."""
    made = response_events if kind == "responses" else chat_chunks
    return [*map(event_frame, made(BODY, script, text)), DONE]


class Told(msgspec.Struct):
    """What a client was told: a stream, or the error that came instead of it."""

    raw: bytes
    error: BackstoryError | None

    @property
    def stream(self) -> Streamed:
        return read_stream({}, self.raw)


async def tell(kind: Kind, pieces: Sequence[bytes], *, breaks_off: bool) -> Told:
    """The real parser, engine and run on these bytes, which then end or break off."""
    http = _ByteHttp(pieces, breaks_off=breaks_off)
    engine: Engine = ResponsesEngine(http) if kind == "responses" else ChatEngine(http)
    run = run_of(engine.stream(ask("Hi")))
    async with asyncio.timeout(10):
        await run.execute(keep_nothing)
    assert run.log.closed
    return Told(b"".join(run.log.entries), run.error)


class _ByteHttp(EngineHttp):
    def __init__(self, pieces: Sequence[bytes], *, breaks_off: bool) -> None:
        super().__init__(cast(Any, None), CONFIG.engine_url or "", None, CONFIG)
        self._given = _ByteAnswer(pieces, breaks_off=breaks_off)

    async def _request(
        self, method: str, path: str, body: bytes | None, secret: Secret | None
    ) -> Any:
        return self._given


class _ByteAnswer:
    """What aiohttp's answer is to us."""

    status = 200
    content_type = "text/event-stream"

    def __init__(self, pieces: Sequence[bytes], *, breaks_off: bool) -> None:
        self._pieces = deque(piece for piece in pieces if piece)
        self._breaks_off = breaks_off

    @property
    def content(self) -> "_ByteAnswer":
        return self

    async def readany(self) -> bytes:
        if self._pieces:
            return self._pieces.popleft()
        if self._breaks_off:
            raise aiohttp.ClientPayloadError
        return b""

    def is_eof(self) -> bool:
        """What follows the last event is nobody's."""
        return True

    def close(self) -> None:
        """There is no connection."""
