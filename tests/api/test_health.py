"""/health: what anyone may ask costs little, and waits for nobody."""

import asyncio
import math
import time
from pathlib import Path

import pytest

from app import health
from app.config import Config
from app.db.database import open_database
from app.db.embedded import EmbeddedPostgres
from app.embeddings.embedder_process import embedder_socket
from app.health import BacklogReader
from tests.support.api import Api, open_api
from tests.support.engine import FakeEngine
from tests.support.postgres_fixtures import data_folder, fresh_database
from tests.support.service import Service, run_service


async def test_a_service_that_is_ready_says_so(api: Api) -> None:
    reply = await api.with_key(None).get("/health/ready")
    assert reply.status == 200
    assert reply.body["status"] == "ready"
    assert reply.body["embedder"]["loaded"] is True
    assert reply.body["engine"] == {"breaker": "closed"}


async def test_an_embedder_that_does_not_answer_holds_nothing_up(
    postgres: EmbeddedPostgres, shared_engine: FakeEngine
) -> None:
    with data_folder() as folder, fresh_database(postgres) as urls:
        silent = await _silent_server(embedder_socket(folder))
        config = Config(
            data_dir=folder, engine_url=shared_engine.url, engine_api_key=shared_engine.key
        )
        assert config.embedder_timeout_seconds > 20
        async with silent, run_service(urls, config) as service, open_api(service) as api:
            began = time.monotonic()
            reply = await api.with_key(None).get("/health/ready")
            assert time.monotonic() - began < 10
        assert reply.status == 200
        embedder = reply.body["embedder"]
        assert (embedder["loaded"], embedder["backlog"]) == (False, 0)


async def _silent_server(socket: Path) -> asyncio.Server:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            """What is asked is heard, and not answered."""
        writer.close()

    socket.parent.mkdir(parents=True, exist_ok=True)
    return await asyncio.start_unix_server(hold, str(socket))


async def test_what_waits_is_counted_once_for_many(
    backstory: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "BACKLOG_SECONDS", math.inf)
    async with open_database(backstory.urls.service, backstory.config) as database:
        waiting = BacklogReader(database)
        first = await waiting.read()
        assert first is not None
    assert await waiting.read() is first  # the database is closed by now
    monkeypatch.setattr(health, "BACKLOG_SECONDS", 0.0)
    assert await waiting.read() is None
