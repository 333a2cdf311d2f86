"""The service with somebody reading along: whatever it sends to whatever client is checked.

It stands between the application and its server, so that no test has to think of it and every
client counts: those of the tests, the official SDKs, other programs. What is found fails the test
that runs (`service_fixtures.py: standard`).
"""

from typing import Any

import msgspec
from litestar import Litestar
from litestar.types import Message, Receive, Scope, Send

from tests.support.answers import DONE, EVENT_STREAM, check_answer
from tests.support.standard import check_event

FOUND: list[str] = []
"""What was sent that is not as the standard has it."""

CHARACTERS_MAX = 3000


class Watched:
    def __init__(self, app: Litestar) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind != "http":
            await self._app(scope, receive, _socket(send) if kind == "websocket" else send)
            return
        answer = _Answer(scope, receive, send)
        try:
            await self._app(scope, answer.receive, answer.send)
        finally:
            answer.check()


def _socket(send: Send) -> Send:
    async def watched(message: Message) -> None:
        await send(message)
        if message["type"] == "websocket.send":
            text = message["text"] or (message["bytes"] or b"").decode()
            _note("WebSocket", lambda: _check_sent(msgspec.json.decode(text)))

    return watched


def _check_sent(event: dict[str, Any]) -> None:
    if event["type"] != "error":  # the connection's own, which has no number
        check_event(event)


class _Answer:
    def __init__(self, scope: Any, receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode()
        self._method = scope["method"]
        self._target = scope["path"] + (f"?{query}" if query else "")
        self._receive = receive
        self._send = send
        self._status = 0
        self._media_type = ""
        self._body = bytearray()
        self._ended = False
        self._left = False

    async def receive(self) -> Any:
        message = await self._receive()
        self._left = self._left or message["type"] == "http.disconnect"
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = dict(message["headers"])
            self._media_type = headers.get(b"content-type", b"").decode()
        elif message["type"] == "http.response.body":
            self._body += message["body"]
            self._ended = not message["more_body"]
        await self._send(message)

    def check(self) -> None:
        streamed = self._media_type.startswith(EVENT_STREAM)
        if self._status and (self._ended or streamed):
            _note(f"{self._method} {self._target}", self._check)

    def _check(self) -> None:
        body = bytes(self._body)
        check_answer(self._method, self._target, self._status, self._media_type, body)
        if self._media_type.startswith(EVENT_STREAM) and self._ended and not self._left:
            assert body.endswith(DONE), body[-200:]


def _note(what: str, check: Any) -> None:
    try:
        check()
    except Exception as error:
        FOUND.append(f"{what}: {type(error).__name__}: {str(error)[:CHARACTERS_MAX]}")
