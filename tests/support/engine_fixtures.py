"""Engines for tests. tests/conftest.py makes these fixtures known everywhere."""

from collections.abc import AsyncIterator

import pytest

from app.config import Config
from app.engine.local_server import LocalServer
from tests.support.engine import FakeEngine, run_fake_engine


@pytest.fixture
async def fake_engine() -> AsyncIterator[FakeEngine]:
    """A test engine of this test's own: its calls are counted from nothing."""
    async with run_fake_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
async def local_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalServer]:
    """The bundled engine's server, ready. One thread: a second one waits for busy cores."""
    config = Config(data_dir=tmp_path_factory.mktemp("local_engine"), local_engine_threads=1)
    server = LocalServer(config)
    server.start()
    try:
        await server.ready()
        yield server
    finally:
        server.stop()
