"""What reranking must not do to a recall: hold it up, change it where it fails, show what is gone.

The cross-encoder is one that the test holds back, in the embedder's own server; it gives long texts
the best scores. Words alone rank before it, so that each ranking is the same each time.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.embeddings.channel import Channel
from app.embeddings.embedder_process import embedder_socket
from app.embeddings.model import TextModel
from app.embeddings.ranker import Ranker
from app.embeddings.reranker import ProcessReranker
from app.embeddings.server import serve
from app.embeddings.worker import Worker
from app.errors import Unavailable
from tests.api.test_embedder_server import LIMITS
from tests.support.api import Api, Json, open_api
from tests.support.embedder import GatedPairs
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.memories import recall, remember, somebody
from tests.support.postgres_fixtures import DatabaseUrls, data_folder, fresh_database
from tests.support.service import run_service

QUERY = "What does the heron eat?"
TEXTS = [f"The heron eats frogs{' and many newts' * n}." for n in range(6)]
CANDIDATES = 4


class Services(msgspec.Struct):
    """Two on the same data: one that reranks, and one that does not."""

    ranked: Api
    plain: Api


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@pytest.fixture(scope="module")
def urls(postgres: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    with fresh_database(postgres) as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def services(
    folder: Path, urls: DatabaseUrls, shared_engine: FakeEngine
) -> AsyncIterator[Services]:
    plain = Config(
        data_dir=folder,
        engine_url=shared_engine.url,
        engine_api_key=shared_engine.key,
        engine_kind="responses",
        drain_seconds=1,
    )
    ranked = msgspec.structs.replace(
        plain,
        rerank_model="pairs",
        rerank_candidates_max=CANDIDATES,
        rerank_timeout_ms=1500,
        recall_timeout_seconds=8,
    )
    async with (
        run_service(urls, ranked) as first,
        run_service(urls, plain) as second,
        open_api(first) as first_api,
        open_api(second) as second_api,
    ):
        me = somebody()
        yield Services(first_api.as_user(me), second_api.as_user(me))


@pytest.fixture
async def pairs(folder: Path) -> AsyncIterator[GatedPairs]:
    async with ranking(folder) as gated:
        yield gated


@asynccontextmanager
async def ranking(folder: Path) -> AsyncIterator[GatedPairs]:
    """The embedder's server, up and its cross-encoder loaded; at the end all connections break."""
    pairs, socket = GatedPairs(), embedder_socket(folder)
    server = OwnLoop(
        lambda: serve(Worker("none", _no_model, LIMITS), socket, Ranker("pairs", lambda: pairs))
    )
    channel = Channel(socket, 10)
    pairs.let_through()
    await eventually(lambda: _ranks(ProcessReranker(channel, CANDIDATES, 10)))
    await asyncio.to_thread(pairs.computing.acquire)
    pairs.batches.clear()
    await channel.close()
    try:
        yield pairs
    finally:
        await asyncio.to_thread(server.stop)
        pairs.let_through(1000)


class OwnLoop:
    """A coroutine in a thread and loop of its own: nothing of it is left when it is stopped."""

    def __init__(self, main: Callable[[], Coroutine[None, None, None]]) -> None:
        self._main = main
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.ensure_future(self._main())
        self._ready.set()
        await asyncio.wait([self._task])


def _no_model() -> TextModel:
    raise RuntimeError("no vectors here")


async def _ranks(reranker: ProcessReranker) -> bool:
    try:
        return bool(await reranker.score("q", ["a"]))
    except Unavailable:
        return False


@pytest.fixture(scope="module")
async def stored(services: Services) -> list[Json]:
    return await remember(services.ranked, *TEXTS)


async def ranking_of(api: Api) -> tuple[list[str], str]:
    body = await recall(api, QUERY, limit=len(TEXTS))
    return [entry["memory"]["content"] for entry in body["data"]], body["usage"]["reranked"]


def by_length(texts: list[str]) -> list[str]:
    """The best few, as the model has them."""
    return sorted(texts[:CANDIDATES], key=len, reverse=True) + texts[CANDIDATES:]


async def test_an_answer_does_not_wait_for_a_slow_model(
    services: Services, stored: list[Json], pairs: GatedPairs
) -> None:
    plain, off = await ranking_of(services.plain)
    assert off == "off"
    assert len(plain) == len(TEXTS)
    assert await ranking_of(services.ranked) == (plain, "too_late")  # the model still holds
    assert sum(map(len, pairs.batches)) == CANDIDATES
    pairs.let_through(1000)
    ordered, used = await ranking_of(services.ranked)
    assert used == "used"
    assert ordered == by_length(plain) != plain


async def test_without_the_process_the_ranking_is_as_before(
    services: Services, stored: list[Json], folder: Path
) -> None:
    plain, _ = await ranking_of(services.plain)
    async with ranking(folder) as pairs:
        asked = asyncio.create_task(ranking_of(services.ranked))
        await asyncio.to_thread(pairs.computing.acquire)
    assert await asked == (plain, "unavailable")  # it went while it read
    assert await ranking_of(services.ranked) == (plain, "unavailable")


async def test_what_is_put_into_a_prompt_is_what_the_model_has_first(
    services: Services, stored: list[Json], pairs: GatedPairs
) -> None:
    plain, _ = await ranking_of(services.plain)
    contents = {memory["id"]: memory["content"] for memory in stored}
    pairs.let_through(1000)
    memory = {"recall": {"limit": 2, "min_score": 0}, "remember": False}
    for api, best in ((services.plain, plain), (services.ranked, by_length(plain))):
        answer = await api.respond(QUERY, memory=memory)
        assert {contents[memory_id] for memory_id in answer["recalled"]} == set(best[:2])


async def test_where_nothing_fits_the_model_is_not_asked(
    services: Services, stored: list[Json], pairs: GatedPairs
) -> None:
    answer = await services.ranked.respond("Who won in Oslo?", memory={"remember": False})
    assert "recalled" not in answer
    assert pairs.batches == []


async def test_what_is_erased_while_the_model_reads_is_left_out(
    services: Services, stored: list[Json], pairs: GatedPairs
) -> None:
    plain, _ = await ranking_of(services.plain)
    gone = by_length(plain)[0]
    memory_id = next(memory["id"] for memory in stored if memory["content"] == gone)
    asked = asyncio.create_task(ranking_of(services.ranked))
    await asyncio.to_thread(pairs.computing.acquire)
    assert (await services.plain.delete(f"/v1/memories/{memory_id}")).status == 200
    pairs.let_through(1000)
    assert await asked == ([text for text in by_length(plain) if text != gone], "used")
