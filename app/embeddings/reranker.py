"""The Reranker of a worker of the service: it asks the embedder process, or there is none."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app.config import Config
from app.embeddings.channel import Channel
from app.embeddings.embedder_process import embedder_socket
from app.embeddings.frames import RERANK_CHARS_MAX, Rerank, Reranked
from app.embeddings.types import Reranker
from app.errors import EmbedderUnavailable

RECALL_SHARE_MAX = 0.25
"""Of the time that recall has before an answer goes on without it."""


class NoReranker:
    texts_max = 0

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        raise EmbedderUnavailable("No reranking model is configured.")


class ProcessReranker:
    """Each call ends within `seconds_max`, whatever the embedder process does."""

    def __init__(self, channel: Channel, texts_max: int, seconds_max: float) -> None:
        self.texts_max = texts_max
        self._channel = channel
        self._seconds_max = seconds_max

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        cut = [text[:RERANK_CHARS_MAX] for text in texts]
        request = Rerank(self._channel.next_id(), query[:RERANK_CHARS_MAX], cut)
        async with asyncio.timeout(self._seconds_max):
            reply = await self._channel.ask(request)
        assert isinstance(reply, Reranked)
        return reply.scores


@asynccontextmanager
async def open_reranker(config: Config) -> AsyncIterator[Reranker]:
    if config.rerank_model is None:
        yield NoReranker()
        return
    socket = embedder_socket(config.data_dir, config.embedding_model)
    channel = Channel(socket, config.embedder_timeout_seconds)
    try:
        yield ProcessReranker(channel, config.rerank_candidates_max, rerank_seconds(config))
    finally:
        await channel.close()


def rerank_seconds(config: Config) -> float:
    """A recall that is itself in haste must not be lost by being made better."""
    return min(config.rerank_timeout_ms / 1000, RECALL_SHARE_MAX * config.recall_timeout_seconds)
