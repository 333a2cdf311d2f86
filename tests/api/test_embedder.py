"""What every embedder promises, on the real process and on the fake one."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.config import Config
from app.embeddings.embedder_process import (
    SOCKET_PATH_BYTES_MAX,
    EmbedderProcess,
    embedder_socket,
)
from app.embeddings.frames import TEXT_CHARS_MAX, Hello, frame, read_frame
from app.embeddings.process_embedder import ProcessEmbedder
from app.embeddings.types import Embedder, Lane, Vectors
from app.errors import Unavailable
from tests.support.embedder import HashEmbedder
from tests.support.embedder_fixtures import LOADED_TIMEOUT_SECONDS

START = """
import sys, time
from pathlib import Path
from app.config import Config
from app.embeddings.embedder_process import EmbedderProcess

EmbedderProcess(Config(data_dir=Path(sys.argv[1]))).start()
time.sleep(60)
"""

LANES: list[Lane] = ["query", "document"]


@pytest.fixture(params=["process", "hash"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """Each test of the contract runs against the real one and the fake."""
    if request.param == "hash":
        return HashEmbedder()
    real: ProcessEmbedder = request.getfixturevalue("process_embedder")
    return real


def cosine(one: Vectors, other: Vectors) -> float:
    return float(np.min(np.sum(one * other, axis=1)))


@pytest.mark.parametrize("lane", LANES)
async def test_a_text_is_a_unit_vector(embedder: Embedder, lane: Lane) -> None:
    vectors = await embedder.embed(["Ada parked the car.", "Bob sleeps."], lane)
    assert vectors.dtype == np.float32
    assert vectors.shape == (2, embedder.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)


async def test_no_texts_are_no_vectors(embedder: Embedder) -> None:
    vectors = await embedder.embed([], "document")
    assert vectors.shape == (0, embedder.dimensions)


async def test_an_empty_text_has_a_vector(embedder: Embedder) -> None:
    vectors = await embedder.embed(["", "  \n"], "document")
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)


async def test_the_same_text_is_the_same_vector_in_any_company(embedder: Embedder) -> None:
    alone = await embedder.embed(["Ada parked the car."], "document")
    beside = await embedder.embed(["long " * 60, "Ada parked the car.", ""], "document")
    assert cosine(alone, beside[1:2]) > 0.9999


async def test_shared_words_bring_texts_near(embedder: Embedder) -> None:
    texts = ["Ada parked the red car.", "Where is the red car of Ada?", "Bread needs some yeast."]
    car, question, bread = await embedder.embed(texts, "document")
    assert car @ question > car @ bread + 0.2


async def test_an_overlong_text_is_cut(embedder: Embedder) -> None:
    huge = "An endless report. " * (2 * TEXT_CHARS_MAX // 19)
    vectors = await embedder.embed([huge], "document")
    assert vectors.shape == (1, embedder.dimensions)


async def test_what_was_read_is_counted(embedder: Embedder) -> None:
    one = await embedder.embed_counted(["Ada parked the car."], "document")
    many = await embedder.embed_counted(["Ada parked the car."] * 100, "document")
    assert one.tokens >= 4
    assert many.tokens == 100 * one.tokens
    assert cosine(one.vectors, many.vectors[:1]) > 0.9999


async def test_a_thousand_texts_keep_their_order(embedder: Embedder) -> None:
    texts = [f"number {i}" for i in range(1000)]
    vectors = await embedder.embed(texts, "document")
    assert vectors.shape == (1000, embedder.dimensions)
    some = [0, 63, 64, 500, 999]
    again = await embedder.embed([texts[i] for i in some], "document")
    assert cosine(vectors[some], again) > 0.9999


async def test_many_callers_share_one_embedder(embedder: Embedder) -> None:
    texts = [f"caller {i}" for i in range(50)]
    one_by_one = await asyncio.gather(*(embedder.embed([text], "query") for text in texts))
    together = await embedder.embed(texts, "query")
    assert cosine(np.concatenate(one_by_one), together) > 0.9999


async def test_meaning_brings_texts_near(process_embedder: ProcessEmbedder) -> None:
    texts = ["The vehicle is in the garage.", "Where did she park her car?", "Bread needs yeast."]
    garage, question, bread = await process_embedder.embed(texts, "document")
    assert question @ garage > question @ bread + 0.3


async def test_the_status_says_what_serves(process_embedder: ProcessEmbedder) -> None:
    status = await process_embedder.status()
    assert (status.model, status.runtime) == ("all-MiniLM-L6-v2", "onnx")
    assert (status.loaded, status.backlog, status.error) == (True, 0, "")
    assert (status.dimensions, status.tokens_max) == (384, 256)


async def test_an_embedder_killed_is_started_again_and_found_again(
    embedder_process: EmbedderProcess, process_embedder: ProcessEmbedder
) -> None:
    asked = asyncio.create_task(process_embedder.embed(["slow " * 200] * 64, "document"))
    while not (await process_embedder.status()).backlog:  # noqa: ASYNC110  # only it can tell
        await asyncio.sleep(0)
    assert embedder_process.pid
    os.kill(embedder_process.pid, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await asked
    with pytest.raises(Unavailable):
        await process_embedder.embed(["nobody there"], "query")
    async with asyncio.timeout(10):
        # Its sockets close before it is gone.
        while not embedder_process.restart_if_dead():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await process_embedder.wait_loaded(LOADED_TIMEOUT_SECONDS)
    assert (await process_embedder.embed(["back"], "query")).shape == (1, 384)


async def test_the_embedder_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", START, str(tmp_path))
    reader, writer = await connected(embedder_socket(tmp_path))
    writer.write(frame(Hello(1)))
    assert await read_frame(reader)
    parent.kill()
    await parent.wait()
    assert await reader.read() == b""
    writer.close()


async def connected(socket: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(10):
        while True:
            with suppress(FileNotFoundError, ConnectionRefusedError):
                return await asyncio.open_unix_connection(str(socket))
            await asyncio.sleep(0.01)


async def test_nobody_listening_is_unavailable(tmp_path: Path) -> None:
    embedder = ProcessEmbedder(tmp_path / "none.sock", "none", timeout_seconds=1)
    with pytest.raises(Unavailable, match="not there"):
        await embedder.embed(["hello"], "query")
    assert embedder.dimensions == 0


def test_the_socket_of_a_deep_data_directory_is_still_short(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    socket = embedder_socket(deep)
    try:
        assert len(os.fsencode(socket)) <= SOCKET_PATH_BYTES_MAX
        assert socket == embedder_socket(deep)
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    finally:
        socket.parent.rmdir()


def test_stopping_ends_the_process(embedder_data_dir: Path) -> None:
    process = EmbedderProcess(Config(data_dir=embedder_data_dir / "second"))
    process.start()
    assert process.alive()
    process.stop()
    assert not process.alive()


async def test_vectors_are_those_of_sentence_transformers(
    process_embedder: ProcessEmbedder, sentence_transformer: Any
) -> None:
    texts = ["", "Where did Ada park?", "Grüße aus Łódź 🎈", "a" * 300, "much longer text " * 300]
    wanted = sentence_transformer.encode(texts, show_progress_bar=False)
    found = await process_embedder.embed(texts, "document")
    assert cosine(np.asarray(wanted), found) >= 0.9999
