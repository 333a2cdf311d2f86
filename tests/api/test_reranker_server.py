"""Reranking in the embedder process, from inside: a model that the test holds back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from app.embeddings.channel import Channel
from app.embeddings.frames import RERANK_TEXTS_MAX, Hello
from app.embeddings.process_embedder import ProcessEmbedder
from app.embeddings.ranker import BATCH_CHARS_MAX, WAITING_MAX, Ranker
from app.embeddings.reranker import ProcessReranker
from app.embeddings.server import serve
from app.embeddings.worker import Worker
from app.errors import EmbeddingFailed, Unavailable
from tests.api.test_embedder_server import LIMITS
from tests.support.embedder import GatedModel, GatedPairs

LONG = "a" * BATCH_CHARS_MAX
"""A batch of its own."""


class Running(msgspec.Struct):
    pairs: GatedPairs
    gated: GatedModel
    embedder: ProcessEmbedder
    channel: Channel

    def reranker(self, seconds_max: float = 10.0) -> ProcessReranker:
        return ProcessReranker(self.channel, RERANK_TEXTS_MAX, seconds_max)

    async def all_is_heard(self) -> None:
        """What was sent before on this connection."""
        await self.channel.ask(Hello(self.channel.next_id()))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    socket = tmp_path / "embedder.sock"
    pairs, gated = GatedPairs(), GatedModel()
    ranker = Ranker("pairs", lambda: pairs)
    server = asyncio.create_task(serve(Worker("gated", lambda: gated, LIMITS), socket, ranker))
    embedder = ProcessEmbedder(socket, "gated", timeout_seconds=10)
    await embedder.wait_loaded(10)
    channel = Channel(socket, 10)
    yield Running(pairs, gated, embedder, channel)
    pairs.let_through(1000)
    gated.let_through(100)
    await channel.close()
    await embedder.close()
    server.cancel()
    await asyncio.wait([server])


async def test_scores_come_in_the_order_of_the_texts(running: Running) -> None:
    running.pairs.let_through(9)
    texts = ["aaa", LONG, "a", LONG * 2]
    scores = await running.reranker().score("q", texts)
    assert scores == [3, len(LONG), 1, 4096]  # no more is read of a text
    assert [len(batch) for batch in running.pairs.batches] == [1, 1, 2]


async def test_a_query_is_embedded_while_pairs_are_read(running: Running) -> None:
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(running.reranker().score("q", ["a", "b"]))
        await asyncio.to_thread(running.pairs.computing.acquire)
        running.gated.let_through()
        assert len(await running.embedder.embed(["a query"], "query")) == 1
        assert not reading.done()
        running.pairs.let_through()


async def test_what_nobody_waits_for_is_not_computed_on(running: Running) -> None:
    reading = asyncio.create_task(running.reranker().score("q", [LONG] * 8))
    await asyncio.to_thread(running.pairs.computing.acquire)
    with pytest.raises(TimeoutError):
        await running.reranker(0.01).score("q", ["too late"])
    reading.cancel()
    await asyncio.wait([reading])
    await running.all_is_heard()
    running.pairs.let_through(100)
    assert await running.reranker().score("q", ["a"]) == [1]
    assert running.pairs.batches == [[LONG], ["a"]]


async def test_a_long_query_makes_small_batches(running: Running) -> None:
    running.pairs.let_through(100)
    assert await running.reranker().score(LONG, ["a", "b"]) == [1, 1]
    assert running.pairs.batches == [["a"], ["b"]]


async def test_more_than_is_allowed_and_what_is_no_number_fail(running: Running) -> None:
    running.pairs.let_through(100)
    for texts in (["a"] * (RERANK_TEXTS_MAX + 1), ["a", "broken"]):
        with pytest.raises(EmbeddingFailed):
            await running.reranker().score("q", texts)
    assert await running.reranker().score("q", ["a"] * RERANK_TEXTS_MAX) == [1] * RERANK_TEXTS_MAX


async def test_of_too_many_some_are_told_so(running: Running) -> None:
    asked = [asyncio.create_task(running.reranker().score("q", ["a"])) for _ in range(40)]
    await asyncio.to_thread(running.pairs.computing.acquire)
    await running.all_is_heard()
    running.pairs.let_through(100)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(answer == [1.0] for answer in answers) == WAITING_MAX
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 40 - WAITING_MAX


async def test_without_a_model_it_is_said(tmp_path: Path) -> None:
    socket = tmp_path / "embedder.sock"
    server = asyncio.create_task(serve(Worker("gated", GatedModel, LIMITS), socket))
    embedder = ProcessEmbedder(socket, "gated", timeout_seconds=10)
    await embedder.wait_loaded(10)
    channel = Channel(socket, 10)
    with pytest.raises(Unavailable):
        await ProcessReranker(channel, 2, 10).score("q", ["a"])
    await channel.close()
    await embedder.close()
    server.cancel()
    await asyncio.wait([server])
