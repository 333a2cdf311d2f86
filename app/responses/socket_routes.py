"""The WebSocket at /v1/responses: how it opens, what it takes in, and how it ends."""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect

from app.errors import BackstoryError, InvalidRequest, TooLarge
from app.responses.parts import Parts
from app.responses.socket import Conversing
from app.web.errors import socket_error
from app.web.front import let_in
from app.web.principal import Access, Scope, guarded

WAITING_MAX = 4
"""Messages that may wait while a response is made."""
TOO_LARGE, GOING_AWAY, POLICY = 1009, 1001, 1008

Socket = WebSocket[Any, Any, Any]


class ConnectionLimitReached(InvalidRequest):
    code = "websocket_connection_limit_reached"


@websocket("/v1/responses", opt=guarded(Access.SESSION, Scope.ENGINE))
async def converse(socket: Socket, parts: NamedDependency[Parts]) -> None:
    await socket.accept()
    if refused := socket.scope["state"].get("refused"):
        await socket.send_data(msgspec.json.encode(socket_error(refused)))
        await socket.close(code=POLICY)
        return
    await Connection(socket, parts).serve()


class Connection:
    """Messages are taken in while a response is made, so that a client's leaving is noticed."""

    def __init__(self, socket: Socket, parts: Parts) -> None:
        self._socket = socket
        self._messages: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)
        self._left = asyncio.Event()
        self._bytes_max = parts.config.body_bytes_max
        self._seconds_max = parts.config.socket_seconds_max
        self._stopping = parts.runs.stopping
        self._conversing = Conversing(
            parts, socket.auth, socket.headers, self._send, self._until_left
        )

    async def serve(self) -> None:
        taking = asyncio.create_task(self._take_in())
        try:
            code, error = await self._answer_all()
        finally:
            taking.cancel()  # before the connection is closed: granian waits for it
            await asyncio.gather(taking, return_exceptions=True)
        await self._close(code, error)

    async def _answer_all(self) -> tuple[int, BackstoryError | None]:
        """With which code the connection ends, and why."""
        ends = asyncio.get_running_loop().time() + self._seconds_max
        while (message := await self._next(ends)) is not None:
            if len(message) > self._bytes_max:
                return TOO_LARGE, TooLarge("The message is larger than allowed.")
            if refused := await self._refusal():
                return POLICY, refused
            await self._unless_left(message)
        if self._left.is_set() or self._stopping.is_set():
            return GOING_AWAY, None
        minutes = round(self._seconds_max / 60)
        return POLICY, ConnectionLimitReached(
            f"A connection lasts {minutes} minutes at most: open another one to go on."
        )

    async def _refusal(self) -> BackstoryError | None:
        """A key that is revoked meanwhile, or has run out, opens nothing more."""
        try:
            await let_in(self._socket.scope)
        except BackstoryError as error:
            return error
        self._conversing.principal = self._socket.auth
        return None

    async def _next(self, ends: float) -> bytes | None:
        """None where the client left, the service stops, or the connection's time is over."""
        waits = [
            asyncio.create_task(wait)
            for wait in (self._messages.get(), self._left.wait(), self._stopping.wait())
        ]
        try:
            seconds = ends - asyncio.get_running_loop().time()
            await asyncio.wait(waits, timeout=max(0, seconds), return_when=asyncio.FIRST_COMPLETED)
            message: Any = waits[0].result() if waits[0].done() else None
            return None if self._stopping.is_set() or self._left.is_set() else message
        finally:
            for wait in waits:
                wait.cancel()

    async def _unless_left(self, message: bytes) -> None:
        answering = asyncio.create_task(self._conversing.answer(message))
        leaving = asyncio.create_task(self._left.wait())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            answering.cancel()  # nothing, where it is done
        with suppress(asyncio.CancelledError, WebSocketDisconnect):
            await answering

    async def _take_in(self) -> None:
        try:
            while True:
                text = await self._socket.receive_data(mode="text")
                message = text.encode() if isinstance(text, str) else text
                await self._messages.put(message[: self._bytes_max + 1])
        except (WebSocketDisconnect, RuntimeError):
            self._left.set()

    async def _until_left(self) -> None:
        await self._left.wait()

    async def _send(self, data: bytes) -> None:
        if not self._left.is_set():
            await self._socket.send_data(data, mode="text")

    async def _close(self, code: int, error: BackstoryError | None) -> None:
        if self._left.is_set():
            return
        if error:
            await self._conversing.tell_error(error)
        await self._socket.close(code=code)


ROUTES = [converse]
