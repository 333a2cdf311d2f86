"""The way of a worker of the service to the embedder process: its socket."""

import asyncio
import itertools
from pathlib import Path

import msgspec

from app.embeddings.frames import (
    Cancel,
    Embed,
    Embedded,
    Failed,
    Hello,
    Reply,
    Request,
    Rerank,
    Reranked,
    Status,
    decode_reply,
    frame,
    read_frame,
)
from app.errors import EmbedderUnavailable, EmbeddingFailed

Asking = Hello | Embed | Rerank
Answer = Status | Embedded | Reranked


class Channel:
    """One connection, shared by all callers, opened when it is needed and opened again.

    Belongs to one event loop.
    """

    def __init__(self, socket: Path, timeout_seconds: float) -> None:
        self._socket = socket
        self._timeout_seconds = timeout_seconds
        self._ids = itertools.count(1)
        self._opening = asyncio.Lock()
        self._connection: _Connection | None = None

    def next_id(self) -> int:
        return next(self._ids)

    async def ask(self, request: Asking) -> Answer:
        """Raises EmbedderUnavailable and EmbeddingFailed. Given up, it is not computed."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                connection = await self._connected()
                reply = await connection.ask(request)
        except TimeoutError:
            raise EmbedderUnavailable("The embedder did not answer in time.") from None
        except (OSError, EOFError):
            raise EmbedderUnavailable("The embedder process is not there now.") from None
        if isinstance(reply, Failed):
            error = EmbeddingFailed if reply.code == "failed" else EmbedderUnavailable
            raise error(reply.message)
        return reply

    async def close(self) -> None:
        if self._connection:
            await self._connection.close()
        self._connection = None

    async def _connected(self) -> "_Connection":
        async with self._opening:
            if self._connection is None or self._connection.closed:
                self._connection = await _Connection.open(self._socket)
            return self._connection


class _Connection:
    """Requests in flight by id; all fail with EOFError when the other side goes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._reading = asyncio.create_task(self._read(reader))

    @classmethod
    async def open(cls, socket: Path) -> "_Connection":
        return cls(*await asyncio.open_unix_connection(str(socket)))

    @property
    def closed(self) -> bool:
        return self._reading.done()

    async def ask(self, request: Asking) -> Reply:
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = answer
        try:
            await self._send(request)
            return await answer
        finally:
            del self._waiting[request.id]
            if not self.closed and (answer.cancelled() or not answer.done()):
                self._writer.write(frame(Cancel(request.id)))

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.wait([self._reading])

    async def _send(self, request: Request) -> None:
        self._writer.write(frame(request))
        await self._writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                self._deliver(decode_reply(await read_frame(reader)))
        except (EOFError, OSError, ValueError, msgspec.MsgspecError):
            pass  # it went, or it is not our embedder: the next request connects again
        finally:
            self._writer.close()
            self._fail_all()

    def _deliver(self, reply: Reply) -> None:
        answer = self._waiting.get(reply.id)
        if answer and not answer.done():
            answer.set_result(reply)

    def _fail_all(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(EOFError("the embedder process went"))
