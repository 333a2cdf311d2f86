"""The Embedder of a worker of the service: it asks the embedder process over its socket."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from app.embeddings.channel import Channel
from app.embeddings.frames import TEXT_CHARS_MAX, TEXTS_MAX, Embed, Embedded, Hello, Status
from app.embeddings.types import Counted, Lane, Vectors
from app.errors import Unavailable

LOADED_POLL_SECONDS = 0.05


class ProcessEmbedder:
    """Belongs to one event loop. `dimensions` is 0 until the embedder has answered once."""

    def __init__(self, socket: Path, model: str, timeout_seconds: float) -> None:
        self.model = model
        self.dimensions = 0
        self._channel = Channel(socket, timeout_seconds)

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
        reply = await self._channel.ask(Hello(self._channel.next_id()))
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
        await self._channel.close()

    async def _embed_piece(self, texts: Sequence[str], lane: Lane) -> Counted:
        cut = [text[:TEXT_CHARS_MAX] for text in texts]
        reply = await self._channel.ask(Embed(self._channel.next_id(), lane, cut))
        assert isinstance(reply, Embedded)
        self.dimensions = reply.dimensions
        vectors = np.frombuffer(reply.vectors, dtype="<f4")
        return Counted(vectors.reshape(len(texts), reply.dimensions), reply.tokens)
