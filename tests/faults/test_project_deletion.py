"""kill -9 amid the deletion of a project: another worker goes on with the rest."""

from collections.abc import Iterator

import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from tests.support.api import open_api
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.keys import as_project, made_key, made_project, opens, tables_of
from tests.support.postgres_fixtures import DatabaseUrls, fresh_database
from tests.support.rows import connected, count
from tests.support.worker import run_worker

ROWS = 300_000
FILL = """
    INSERT INTO requests (project_id, created_at, request_id, user_id, endpoint, status, total_ms)
    SELECT $1, now() - make_interval(secs => n), gen_random_uuid(),
           '00000000-0000-0000-0000-000000000000', 'GET /v1/models', 200, 1
    FROM generate_series(1, $2::integer) AS n
"""
LEFT = "SELECT count(*) FROM requests WHERE project_id = $1"


@pytest.fixture
def urls(postgres: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    with fresh_database(postgres) as urls:
        yield urls


async def test_the_rest_goes_after_a_kill(urls: DatabaseUrls, shared_engine: FakeEngine) -> None:
    config = Config(
        engine_url=shared_engine.url,
        engine_api_key=shared_engine.key,
        outbox_poll_seconds=0.1,
        outbox_lease_seconds=1,
        worker_lease_seconds=1,
        principal_ttl_seconds=0.5,
        log_level="error",
    )
    async with run_worker(urls, config) as first, open_api(first.service) as api:
        root = api.with_key(first.service.admin_key)
        project = await made_project(root)
        key = (await made_key(root, "engine", project=project))["key"]
        async with connected(urls.owner) as conn:
            await conn.execute(FILL, as_project(project), ROWS)
        assert (await root.delete(f"/v1/projects/{project}")).status == 200

        async def begun() -> bool:
            return await count(first.service, LEFT, as_project(project)) < ROWS

        await eventually(begun)
        first.kill()
        await first.process.wait()
        left = await count(first.service, LEFT, as_project(project))
        assert 0 < left < ROWS
    async with run_worker(urls, config) as second, open_api(second.service) as api:
        assert not await opens(api, key)

        async def gone() -> bool:
            return await tables_of(second.service, project) == {"projects"}

        await eventually(gone)
