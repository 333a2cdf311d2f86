"""A service whose engine can have a small window: shared by the tests of long contexts."""

from collections.abc import AsyncIterator

import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, Json, open_api
from tests.support.engine import FakeEngine, run_fake_engine
from tests.support.postgres_fixtures import fresh_database
from tests.support.service import Service, run_service


@pytest.fixture(scope="session")
async def contexts_engine() -> AsyncIterator[FakeEngine]:
    async with run_fake_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
async def contexts_backstory(
    postgres: EmbeddedPostgres,
    contexts_engine: FakeEngine,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Service]:
    config = Config(
        data_dir=tmp_path_factory.mktemp("contexts"),
        engine_url=contexts_engine.url,
        engine_api_key=contexts_engine.key,
        engine_retries_max=0,
        settings_ttl_seconds=0.01,
        drain_seconds=5,
        request_flush_seconds=0.05,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


@pytest.fixture
async def talker(contexts_backstory: Service, contexts_engine: FakeEngine) -> AsyncIterator[Api]:
    """Speaks to it; the engine is as it should be again afterwards."""
    async with open_api(contexts_backstory) as api:
        yield api
    contexts_engine.context_tokens = None
    contexts_engine.refuses_late = False
    contexts_engine.counts = False
    contexts_engine.summarises = True


def received_texts(body: Json) -> list[str]:
    """All texts that an engine got, in order."""
    return [
        part["text"]
        for item in body["input"]
        if isinstance(item.get("content"), list)
        for part in item["content"]
    ]
