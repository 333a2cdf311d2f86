"""Running responses whose rows are written at bad moments: none is lost, none stays for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.db.sql import Connection
from app.ids import new_id
from tests.support.api import Api, open_api
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import something
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected
from tests.support.service import Service, run_service

SLOW = "[[words:20]] [[delay:0.02]]"
WAITING = """
    SELECT count(*) FROM pg_locks
    WHERE NOT granted AND relation = 'running_responses'::regclass"""


@pytest.fixture
async def service(
    postgres: EmbeddedPostgres, fake_engine: FakeEngine, tmp_path: Path
) -> AsyncIterator[Service]:
    config = Config(
        data_dir=tmp_path,
        engine_url=fake_engine.url,
        engine_api_key=fake_engine.key,
        database_statement_timeout_seconds=2,
        commit_retry_seconds=10,
        worker_lease_seconds=20,
        running_visible_after_seconds=0.2,
        segment_seconds=0.1,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


@pytest.fixture
async def api(service: Service) -> AsyncIterator[Api]:
    async with open_api(service) as api:
        yield api


async def test_one_that_could_not_be_made_visible_is_stored_all_the_same(
    service: Service, api: Api
) -> None:
    async with connected(service.urls.owner) as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute("LOCK TABLE running_responses IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(api.respond(something(SLOW)))
        await eventually(lambda: conn.fetchval(WAITING))
        body = await asking
        await transaction.rollback()
        assert body["status"] == "completed"
        assert (await api.get(f"/v1/responses/{body['id']}")).body == body
        await _none_runs(conn)


async def test_a_row_that_came_too_late_goes(service: Service, api: Api) -> None:
    """As where a worker did not hear that it was written, stored its response, and died."""
    body = await api.respond(something())
    async with connected(service.urls.owner) as conn:
        await conn.execute(LATE, new_id())
        assert await conn.fetchval("SELECT count(*) FROM running_responses") == 1
        await _none_runs(conn)
    assert (await api.get(f"/v1/responses/{body['id']}")).body == body


LATE = """
    INSERT INTO running_responses (
        project_id, response_id, user_id, worker_id, created_at, resource, plan)
    SELECT project_id, response_id, user_id, $1, created_at, '{}', '{}' FROM responses"""


async def _none_runs(conn: Connection) -> None:
    async def none() -> bool:
        return not await conn.fetchval("SELECT count(*) FROM running_responses")

    await eventually(none)
