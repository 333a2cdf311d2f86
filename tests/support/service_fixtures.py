"""Services for tests: one shared by all who do not change it, and clients for it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.embeddings.process_embedder import ProcessEmbedder
from app.engine.local_server import LocalServer
from tests.support.api import Api, open_api
from tests.support.engine import FakeEngine, run_fake_engine
from tests.support.postgres_fixtures import DatabaseUrls, fresh_database
from tests.support.service import Service, run_service
from tests.support.watched import FOUND


@pytest.fixture(scope="session")
async def shared_engine() -> AsyncIterator[FakeEngine]:
    """The test engine behind `backstory`, shared: count calls by what was said in them."""
    async with run_fake_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def shared_database(postgres: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    with fresh_database(postgres) as urls:
        yield urls


@pytest.fixture(scope="session")
async def backstory(
    shared_database: DatabaseUrls,
    shared_engine: FakeEngine,
    embedder_data_dir: Path,
    process_embedder: ProcessEmbedder,
) -> AsyncIterator[Service]:
    """The service with the test engine and the real embedder."""
    config = Config(
        data_dir=embedder_data_dir,
        engine_url=shared_engine.url,
        engine_api_key=shared_engine.key,
        engine_kind="responses",
        engine_retries_max=0,  # tests count what reaches the engine
        engine_breaker_failures_max=1000,  # and fail it on purpose
        fetch_networks_allowed="127.0.0.1/32",  # where tests serve images
        drain_seconds=5,
        request_flush_seconds=0.05,
        facts_wait_seconds=0.01,
        outbox_poll_seconds=0.2,
        password_memory_bytes=2**16,  # tests log in often
        password_rounds=1,
        guess_wait_seconds=60,  # and guess, however slow the machine is
        trusted_proxies="127.0.0.1",  # and come from many addresses
    )
    async with run_service(shared_database, config) as service:
        yield service


@pytest.fixture(scope="session")
async def chat_backstory(
    postgres: EmbeddedPostgres,
    shared_engine: FakeEngine,
    embedder_data_dir: Path,
    process_embedder: ProcessEmbedder,
) -> AsyncIterator[Service]:
    """The service with the test engine, asked for chat completions alone."""
    config = Config(
        data_dir=embedder_data_dir,
        engine_url=shared_engine.url,
        engine_api_key=shared_engine.key,
        engine_kind="chat",
        drain_seconds=5,
        request_flush_seconds=0.05,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


@pytest.fixture(scope="session")
async def local_backstory(
    postgres: EmbeddedPostgres,
    local_server: LocalServer,
    embedder_data_dir: Path,
    process_embedder: ProcessEmbedder,
) -> AsyncIterator[Service]:
    """The service with the local engine: what `make run` starts where no engine is named."""
    config = Config(
        data_dir=embedder_data_dir,
        engine_kind="local",
        local_engine_url=local_server.url,
        drain_seconds=5,
        request_flush_seconds=0.05,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


@pytest.fixture
async def openai(backstory: Service) -> AsyncIterator[AsyncOpenAI]:
    """The official SDK, pointed at the service."""
    async with AsyncOpenAI(
        base_url=backstory.base_url, api_key=backstory.api_key, max_retries=0
    ) as client:
        yield client


@pytest.fixture(autouse=True)
def standard() -> Iterator[None]:
    """Whatever the service sends while a test runs is as the standard has it."""
    FOUND.clear()
    yield
    assert not FOUND, "\n".join(FOUND)


@pytest.fixture
async def api(backstory: Service) -> AsyncIterator[Api]:
    """The service on the wire, spoken to with its first key and no user."""
    async with open_api(backstory) as api:
        yield api
