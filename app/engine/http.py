"""The way to an engine over HTTP: one pool of connections, time limits, errors translated."""

import asyncio
import math
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from app.config import Config
from app.engine.breaker import Breaker
from app.engine.failures import error_of_status
from app.engine.retry import Retries
from app.engine.sse import WholeEvents, ends_stream
from app.engine.types import Secret
from app.errors import (
    EngineBroken,
    EngineError,
    EngineFailed,
    EngineSilent,
    EngineTimeout,
    EngineUnreachable,
    StartError,
)

ONE_PIECE_BYTES_MAX = 2**20
ERROR_BODY_BYTES_MAX = 64 * 2**10

END_WAIT_SECONDS = 0.1
"""How long a finished stream may take to end its body, so that its connection is used again."""


class EngineHttp:
    """Requests to one engine. Made by `open_http`."""

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, secret: str | None, config: Config
    ) -> None:
        self.secret = secret
        self.address = _without_credentials(base_url)
        self._session = session
        self._base_url = base_url
        self.breaker = Breaker(
            config.engine_breaker_failures_max, config.engine_breaker_open_seconds
        )
        self._config = config
        self._last_reads = _LastReads()
        self._retries = Retries(config, self.breaker)

    async def close(self) -> None:
        await self._last_reads.close()

    def text_of(self, secret: Secret | None) -> str | None:
        """The key that is sent, for errors to leave it out."""
        return secret.value if secret else self.secret

    async def get(self, path: str, secret: Secret | None = None) -> bytes:
        """The body of a small answer. Raises EngineError."""
        return await self._retries.run(lambda: self._exchange("GET", path, None, secret))

    async def ask(self, path: str, body: dict[str, Any], secret: Secret | None = None) -> bytes:
        """The body of a small answer to a question that is not asked twice. Raises EngineError."""
        return await self._exchange("POST", path, msgspec.json.encode(body), secret)

    async def delete(self, path: str, secret: Secret | None = None) -> None:
        """Raises EngineError."""
        await self._retries.run(lambda: self._exchange("DELETE", path, None, secret))

    async def stream(
        self, path: str, body: dict[str, Any], secret: Secret | None = None
    ) -> "EventStream":
        """Posts the body; the answer's first byte has come, and the stream is the caller's to
        close."""
        data = msgspec.json.encode(body)
        return await self._retries.run(lambda: self._begin(path, data, secret))

    async def _exchange(
        self, method: str, path: str, body: bytes | None, secret: Secret | None
    ) -> bytes:
        limit = self._config.engine_first_byte_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                answer = await self._send(method, path, body, secret)
                try:
                    return await _read(answer, self._config.engine_event_bytes_max)
                finally:
                    answer.close()
        except TimeoutError:
            raise EngineSilent(f"The engine did not answer within {limit:g} s.") from None
        except aiohttp.ClientError:
            raise EngineBroken("The connection to the engine broke off.") from None

    async def _begin(self, path: str, body: bytes, secret: Secret | None) -> "EventStream":
        clock = _Clock(self._config)
        try:
            async with asyncio.timeout_at(clock.deadline()):
                answer = await self._send("POST", path, body, secret)
        except TimeoutError:
            raise clock.error() from None
        events = WholeEvents(self._config.engine_event_bytes_max)
        stream = EventStream(answer, events, clock, self._last_reads)
        try:
            await stream.begin()
        except BaseException:
            stream.close()
            raise
        return stream

    async def _send(
        self, method: str, path: str, body: bytes | None, secret: Secret | None
    ) -> aiohttp.ClientResponse:
        """The answer's head, of a status below 300."""
        try:
            answer = await self._request(method, path, body, secret)
        except aiohttp.ConnectionTimeoutError:
            limit = self._config.engine_connect_timeout_seconds
            raise EngineUnreachable(f"The engine took no connection within {limit:g} s.") from None
        except aiohttp.ClientError as error:
            raise EngineUnreachable(f"The engine cannot be reached: {_reason(error)}.") from error
        if answer.status >= 300:
            raise await self._refusal(answer, secret)
        return answer

    async def _request(
        self, method: str, path: str, body: bytes | None, secret: Secret | None
    ) -> aiohttp.ClientResponse:
        # A file is sent in pieces: a large body of bytes would hold up everything else.
        data = BytesIO(body) if body and len(body) > ONE_PIECE_BYTES_MAX else body
        return await self._session.request(
            method,
            self._base_url + path,
            data=data,
            headers={"Authorization": f"Bearer {secret.value}"} if secret else None,
            allow_redirects=False,
        )

    async def _refusal(self, answer: aiohttp.ClientResponse, secret: Secret | None) -> EngineError:
        try:
            body = await _read(answer, ERROR_BODY_BYTES_MAX)
        except (aiohttp.ClientError, EngineBroken):
            body = b""
        finally:
            answer.close()
        return error_of_status(answer.status, answer.headers, body, self.text_of(secret))


class EventStream:
    """The bytes of an answer's events, those together that arrive together: whole ones alone.

    Ends where the engine ends it: whether that was the right place is for the reader to say.
    """

    def __init__(
        self,
        answer: aiohttp.ClientResponse,
        events: WholeEvents,
        clock: "_Clock",
        last_reads: "_LastReads",
    ) -> None:
        self._answer = answer
        self._events = events
        self._clock = clock
        self._watch = _Watch(answer, clock)
        self._last_reads = last_reads
        self._first: bytes | None = None
        self._done = False
        self._ended = False

    async def begin(self) -> None:
        """Waits for the first byte."""
        if self._answer.content_type != "text/event-stream":
            raise EngineBroken(
                f"The engine answered with {self._answer.content_type} instead of a stream of "
                "events."
            )
        self._first = await self._chunk()

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> bytes:
        self._events.check()
        while not self._done and (chunk := await self._chunk()):
            if whole := self._events.feed(chunk):
                self._done = ends_stream(whole)
                return whole
            self._events.check()
        raise StopAsyncIteration

    def ended(self) -> None:
        """The last event was read: what follows is nobody's, but for the connection's sake."""
        self._ended = True

    def close(self) -> None:
        """Closes the connection. One that is about to end an answer may be used again."""
        self._watch.stop()
        if self._ended and not self._answer.content.is_eof():
            self._last_reads.start(self._read_to_end())
        else:
            self._answer.close()

    async def _read_to_end(self) -> None:
        try:
            async with asyncio.timeout(END_WAIT_SECONDS):
                while await self._answer.content.readany():
                    pass
        except (TimeoutError, aiohttp.ClientError, ConnectionError):
            pass
        finally:
            self._answer.close()

    async def _chunk(self) -> bytes:
        """Empty at the end of the body."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        self._watch.begin()
        try:
            chunk = await self._answer.content.readany()
        except (aiohttp.ClientError, ConnectionError):
            raise self._clock.broken() from None
        self._watch.end()
        self._clock.begin()
        return chunk


class _LastReads:
    """Reads of what follows a last event. Nobody waits for them: the answer is complete."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, read: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(read)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)


class _Watch:
    """Breaks off the waiting for a chunk at its deadline. One timer a stream, since one a chunk
    costs more than reading it."""

    def __init__(self, answer: aiohttp.ClientResponse, clock: "_Clock") -> None:
        self._loop = asyncio.get_running_loop()
        self._content = answer.content
        self._clock = clock
        self._deadline = math.inf
        self._rings_at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._deadline = self._clock.deadline()
        if self._rings_at > self._deadline:
            self._wind_up()

    def end(self) -> None:
        self._deadline = math.inf

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _wind_up(self) -> None:
        self.stop()
        self._rings_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._rings_at = math.inf
        if self._deadline <= self._loop.time():
            self._content.set_exception(self._clock.error())
        elif self._deadline < math.inf:
            self._wind_up()


class _Clock:
    """Which time limit comes next: the first byte's, a stall's, or the whole stream's."""

    def __init__(self, config: Config) -> None:
        self._now = asyncio.get_running_loop().time
        self._stall = config.engine_stall_timeout_seconds
        self._limit = config.engine_first_byte_timeout_seconds
        self._end = self._now() + config.engine_stream_timeout_seconds
        self._begun = False

    def deadline(self) -> float:
        return min(self._now() + self._limit, self._end)

    def begin(self) -> None:
        self._limit = self._stall
        self._begun = True

    def error(self) -> EngineTimeout:
        if self._now() >= self._end:
            return EngineTimeout("The engine's answer took longer than a stream may.")
        if not self._begun:
            return EngineSilent(f"The engine did not begin to answer within {self._limit:g} s.")
        return EngineTimeout(
            "The engine stopped in the middle of its answer, and sent nothing more within "
            f"{self._limit:g} s."
        )

    def broken(self) -> EngineBroken:
        if not self._begun:
            return EngineFailed("The engine broke off before it began to answer.")
        return EngineBroken("The engine broke off in the middle of its answer.")


async def _read(answer: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > bytes_max:
            raise EngineBroken(f"The engine's answer is larger than {bytes_max} bytes.")
    return bytes(body)


def _reason(error: aiohttp.ClientError) -> str:
    """Without the engine's address, which is no client's business."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    if isinstance(error, aiohttp.ClientSSLError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno).lower()
    return "the connection was lost"


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def api_base(url: str) -> str:
    """`https://x` and `https://x/v1/` as `https://x/v1`; any other path is kept."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StartError(
            f"BACKSTORY_ENGINE_URL is '{url}': set it to a URL such as https://engine.example/v1."
        )
    return url.rstrip("/") if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1"


@asynccontextmanager
async def open_http(
    config: Config, url: str, secret: str | None, *, reuse_connections: bool = True
) -> AsyncIterator[EngineHttp]:
    """The secret is the engine's API key, where it wants one."""
    connector = aiohttp.TCPConnector(
        limit=config.engine_connections_max, force_close=not reuse_connections
    )
    headers = {
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": "backstory",
    }
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),  # a cookie would carry one user's state to another
        headers=headers,
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=config.engine_connect_timeout_seconds
        ),
    ) as session:
        http = EngineHttp(session, api_base(url), secret, config)
        try:
            yield http
        finally:
            await http.close()
