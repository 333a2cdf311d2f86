"""A small HTTP client, so that a bench measures the server and not its client.

It writes requests that are made beforehand, on one connection that is kept, and notes when the
first and the last byte of a body came. It knows what our servers send: a length, or chunks.
"""

import asyncio
import re
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from tests.bench.measure import Timing

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"
TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.05


class Reply(NamedTuple):
    status: int
    head: bytes
    raw: bytes
    timing: Timing

    @property
    def body(self) -> bytes:
        return self.raw if LENGTH.search(self.head) else _without_chunks(self.raw)

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Failed(Exception):
    """An answer that a bench must not count."""


class Connection(asyncio.Protocol):
    """Made by `connect`. One request at a time. A server closes it when it is long idle."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[Reply] | None = None
        self._received = bytearray()
        self._began = self._first = 0.0
        self._body_at = 0
        self._length: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass

    async def open(self) -> None:
        host, port = self._address.hostname, self._address.port
        assert host
        assert port
        await asyncio.get_running_loop().create_connection(lambda: self, host, port)

    async def send(self, request: bytes) -> Reply:
        """Raises Failed for any status but 200, so that no error is counted as an answer."""
        if self._transport is None or self._transport.is_closing():
            await self.open()
        assert self._transport is not None
        self._done = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._body_at = 0
        self._began = time.perf_counter()
        self._transport.write(request)
        reply = await asyncio.wait_for(self._done, TIMEOUT_SECONDS)
        if reply.status != 200:
            raise Failed(f"{reply.status}: {reply.body[:500].decode(errors='replace')}")
        return reply

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._body_at:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._body_at = end + 4
            found = LENGTH.search(self._received, 0, end)
            self._length = int(found[1]) if found else None
            self._first = 0.0
        if not self._first and len(self._received) > self._body_at:
            self._first = time.perf_counter()
        if self._whole():
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(exc or Failed("The server closed the connection."))

    async def until_received(self, mark: bytes, times: int) -> None:
        """Until it has come so often in the answer that is being read."""
        while self._received.count(mark) < times:  # noqa: ASYNC110 - bytes tell nobody
            await asyncio.sleep(POLL_SECONDS)

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def _whole(self) -> bool:
        if self._length is not None:
            return len(self._received) - self._body_at >= self._length
        return self._received.endswith(LAST_CHUNK)

    def _finish(self) -> None:
        now = time.perf_counter()
        timing = Timing((now - self._began) * 1000, ((self._first or now) - self._began) * 1000)
        head, raw = bytes(self._received[: self._body_at]), bytes(self._received[self._body_at :])
        if self._done and not self._done.done():
            self._done.set_result(Reply(int(head[9:12]), head, raw, timing))


async def connect(url: str) -> Connection:
    connection = Connection(url)
    await connection.open()
    return connection


def request(
    url: str, body: Any = None, *, key: str = "", method: str = "POST", **headers: str
) -> bytes:
    """All bytes of a request; a body is sent as JSON, or as it is where it is bytes."""
    address = urlsplit(url)
    payload = (
        b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
    )
    path = address.path + (f"?{address.query}" if address.query else "")
    lines = {
        "Host": address.netloc,
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(payload)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + payload


def _without_chunks(raw: bytes) -> bytes:
    parts, place = [], 0
    while place < len(raw):
        end = raw.index(b"\r\n", place)
        size = int(raw[place:end], 16)
        parts.append(raw[end + 2 : end + 2 + size])
        place = end + 2 + size + 2
    return b"".join(parts)
