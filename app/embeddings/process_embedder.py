"""The Embedder of a worker of the service: it asks the embedder process over its socket."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from app.embeddings.frames import (
    TEXT_CHARS_MAX,
    TEXTS_MAX,
    Cancel,
    Embed,
    Embedded,
    Failed,
    Hello,
    Reply,
    Request,
    Status,
    decode_reply,
    frame,
    read_frame,
)
from app.embeddings.types import Counted, Lane, Vectors
from app.errors import EmbedderUnavailable, EmbeddingFailed, Unavailable

LOADED_POLL_SECONDS = 0.05


class ProcessEmbedder:
    """One connection, shared by all callers, opened when it is needed and opened again.

    Belongs to one event loop. `dimensions` is 0 until the embedder has answered once.
    """

    def __init__(self, socket: Path, model: str, timeout_seconds: float) -> None:
        self.model = model
        self.dimensions = 0
        self._socket = socket
        self._timeout_seconds = timeout_seconds
        self._ids = itertools.count(1)
        self._opening = asyncio.Lock()
        self._connection: _Connection | None = None

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        return (await self.embed_counted(texts, lane)).vectors

    async def embed_counted(self, texts: Sequence[str], lane: Lane) -> Counted:
        """Many texts go in pieces one after another; the timeout is for each piece."""
        pieces = [
            await self._embed_piece(texts[start : start + TEXTS_MAX], lane)
            for start in range(0, len(texts), TEXTS_MAX)
        ]
        if not pieces:
            return Counted(np.zeros((0, self.dimensions), dtype=np.float32), 0)
        vectors = [piece.vectors for piece in pieces]
        whole = np.concatenate(vectors) if len(vectors) > 1 else vectors[0]
        return Counted(whole, sum(piece.tokens for piece in pieces))

    async def status(self) -> Status:
        """Raises Unavailable where no embedder process answers."""
        reply = await self._ask(Hello(next(self._ids)))
        assert isinstance(reply, Status)
        self.dimensions = reply.dimensions or self.dimensions
        return reply

    async def wait_loaded(self, timeout_seconds: float) -> Status:
        """For a start, a benchmark or a test. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while True:
                with suppress(Unavailable):
                    if (status := await self.status()).loaded:
                        return status
                await asyncio.sleep(LOADED_POLL_SECONDS)

    async def close(self) -> None:
        if self._connection:
            await self._connection.close()
        self._connection = None

    async def _embed_piece(self, texts: Sequence[str], lane: Lane) -> Counted:
        cut = [text[:TEXT_CHARS_MAX] for text in texts]
        reply = await self._ask(Embed(next(self._ids), lane, cut))
        assert isinstance(reply, Embedded)
        self.dimensions = reply.dimensions
        vectors = np.frombuffer(reply.vectors, dtype="<f4")
        return Counted(vectors.reshape(len(texts), reply.dimensions), reply.tokens)

    async def _ask(self, request: Hello | Embed) -> Status | Embedded:
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

    async def ask(self, request: Hello | Embed) -> Reply:
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
