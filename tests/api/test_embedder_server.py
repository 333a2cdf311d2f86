"""The embedder process from inside: a server whose model the test holds back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from app.embeddings.batches import Limits
from app.embeddings.frames import FRAME_BYTES_MAX
from app.embeddings.process_embedder import ProcessEmbedder
from app.embeddings.server import serve
from app.embeddings.worker import Worker
from app.errors import EmbeddingFailed, Unavailable
from tests.support.embedder import GatedModel

LIMITS = Limits(batch_texts_max=2, queries_waiting_max=2, documents_waiting_max=8)

Start = Callable[[Callable[[], GatedModel]], Awaitable[ProcessEmbedder]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a server on what the test gives it to load."""
    socket = tmp_path / "embedder.sock"
    embedder = ProcessEmbedder(socket, "gated", timeout_seconds=10)
    servers: list[asyncio.Task[None]] = []

    async def run(load: Callable[[], GatedModel]) -> ProcessEmbedder:
        servers.append(asyncio.create_task(serve(Worker("gated", load, LIMITS), socket)))
        return embedder

    yield run
    await embedder.close()
    for server in servers:
        server.cancel()
    await asyncio.wait(servers)


@pytest.fixture
async def model() -> AsyncIterator[GatedModel]:
    gated = GatedModel()
    yield gated
    gated.let_through(100)


@pytest.fixture
async def embedder(start: Start, model: GatedModel) -> ProcessEmbedder:
    client = await start(lambda: model)
    await client.wait_loaded(10)
    return client


async def until_waiting(embedder: ProcessEmbedder, texts: int) -> None:
    async with asyncio.timeout(10):
        while (await embedder.status()).backlog != texts:  # noqa: ASYNC110  # only it can tell
            await asyncio.sleep(0)


async def until_computing(model: GatedModel) -> None:
    async with asyncio.timeout(10):
        while not model.batches:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)


async def test_a_query_overtakes_documents_that_wait(
    embedder: ProcessEmbedder, model: GatedModel
) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(embedder.embed([f"document {i}" for i in range(6)], "document"))
        await until_computing(model)
        tasks.create_task(embedder.embed(["a query"], "query"))
        await until_waiting(embedder, 7)
        model.let_through(4)
    assert [batch[0].split()[0] for batch in model.batches] == [
        "document",
        "a",
        "document",
        "document",
    ]


async def test_a_full_lane_refuses_and_the_other_does_not(
    embedder: ProcessEmbedder, model: GatedModel
) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(embedder.embed(["a"] * 8, "document"))
        await until_waiting(embedder, 8)
        with pytest.raises(Unavailable, match="overloaded"):
            await embedder.embed(["one more"], "document")
        query = tasks.create_task(embedder.embed(["a query"], "query"))
        model.let_through(5)
    assert query.result().shape == (1, 2)
    await until_waiting(embedder, 0)


async def test_what_nobody_waits_for_is_not_embedded(
    embedder: ProcessEmbedder, model: GatedModel
) -> None:
    given_up = asyncio.create_task(embedder.embed(["unwanted"] * 6, "document"))
    await until_computing(model)
    given_up.cancel()
    await until_waiting(embedder, 0)
    model.let_through(2)
    assert (await embedder.embed(["wanted"], "document")).shape == (1, 2)
    assert model.batches == [["unwanted", "unwanted"], ["wanted"]]


async def test_a_client_that_goes_takes_its_texts_along(
    embedder: ProcessEmbedder, model: GatedModel
) -> None:
    lost = asyncio.create_task(embedder.embed(["unwanted"] * 6, "document"))
    await until_computing(model)
    await embedder.close()
    with pytest.raises(Unavailable):
        await lost
    await until_waiting(embedder, 0)


async def test_an_answer_too_late_is_unavailable(
    embedder: ProcessEmbedder, model: GatedModel, tmp_path: Path
) -> None:
    hasty = ProcessEmbedder(tmp_path / "embedder.sock", "gated", timeout_seconds=0.05)
    with pytest.raises(Unavailable, match="in time"):
        await hasty.embed(["a"], "document")
    await until_waiting(embedder, 0)
    await hasty.close()


async def test_a_failed_batch_fails_its_request_alone(
    embedder: ProcessEmbedder, model: GatedModel
) -> None:
    model.let_through(2)
    with pytest.raises(EmbeddingFailed, match="RuntimeError"):
        await embedder.embed(["broken"], "document")
    assert (await embedder.embed(["whole"], "document")).shape == (1, 2)


async def test_a_model_that_is_not_loaded_is_unavailable(start: Start) -> None:
    def missing() -> GatedModel:
        raise OSError("no such folder")

    embedder = await start(missing)
    with pytest.raises(TimeoutError):
        await embedder.wait_loaded(0.2)
    with pytest.raises(Unavailable, match="no such folder"):
        await embedder.embed(["hello"], "query")


@pytest.mark.parametrize(
    "sent",
    [(FRAME_BYTES_MAX + 1).to_bytes(4, "big"), b"\0\0\0\1\xc1", b"GET / HTTP/1.1\r\n\r\n"],
    ids=["too large", "no message", "http"],
)
async def test_another_protocol_is_hung_up_on(
    embedder: ProcessEmbedder, tmp_path: Path, sent: bytes
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "embedder.sock"))
    writer.write(sent)
    assert await reader.read() == b""
    writer.close()
    assert (await embedder.status()).loaded
