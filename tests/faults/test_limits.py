"""Limits shared by two processes: exactly what they allow is let through, whoever is killed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.limits.stock import STEPS_MAX
from tests.support.api import Api, open_api
from tests.support.engine import FakeEngine
from tests.support.heard import something
from tests.support.limits import limited_key
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected
from tests.support.worker import Worker, run_worker

BUDGET = 100


class Two(NamedTuple):
    killed: Worker
    first: Api
    second: Api
    service: Worker


@pytest.fixture
async def two(
    postgres: EmbeddedPostgres, fake_engine: FakeEngine, tmp_path: Path
) -> AsyncIterator[Two]:
    config = Config(
        data_dir=tmp_path,
        engine_url=fake_engine.url,
        engine_api_key=fake_engine.key,
        database_statement_timeout_seconds=2,
        log_level="error",
    )
    with fresh_database(postgres) as urls:
        async with (
            run_worker(urls, config) as one,
            run_worker(urls, config) as other,
            open_api(one.service) as first,
            open_api(other.service) as second,
        ):
            yield Two(one, first, second, other)


async def ask(*calls: tuple[Api, int]) -> Counter[int]:
    """How often each status came, of so many calls at once by each."""
    asked = [api.create(something(), store=False) for api, times in calls for _ in range(times)]
    return Counter([reply.status for reply in await asyncio.gather(*asked)])


async def test_a_hundred_are_let_through_and_no_more(two: Two) -> None:
    for share in (100, 10, 0, 99):
        limited = await limited_key(two.service.service, two.second, requests_per_day=BUDGET)
        first = two.first.with_key(limited.api.key)
        statuses = await ask((first, share), (limited.api, 2 * BUDGET - share))
        assert statuses == {200: BUDGET, 429: BUDGET}
        assert await limited.used("requests_per_day") == BUDGET


async def test_what_a_killed_worker_held_is_lost_and_nothing_is_given_twice(two: Two) -> None:
    limited = await limited_key(two.service.service, two.second, requests_per_day=1_000)
    first = two.first.with_key(limited.api.key)
    before = (await ask((first, 50)))[200]
    asking = asyncio.create_task(ask((first, 200)))
    before += (await ask((limited.api, 50)))[200]
    two.killed.kill()
    await asyncio.gather(asking, return_exceptions=True)
    after = (await ask((limited.api, 1_000)))[200]
    assert before == 100
    assert 1_000 - 200 - STEPS_MAX <= before + after <= 1_000
    assert await limited.used("requests_per_day") == 1_000


async def test_without_counters_who_is_limited_waits_and_others_go_on(two: Two) -> None:
    """The table is locked away: what cannot be counted is not let through."""
    limited = await limited_key(two.service.service, two.second, requests_per_day=5)
    free = two.second.with_key(two.service.service.api_key)
    async with connected(two.service.service.urls.owner) as conn, conn.transaction():
        await conn.execute("LOCK TABLE limit_counters IN ACCESS EXCLUSIVE MODE")
        refused = await limited.api.create(something(), store=False)
        assert (refused.status, refused.error["code"]) == (503, "storage_unavailable")
        assert refused.headers["Retry-After"]
        assert (await free.create(something())).status == 200
    assert (await limited.api.create(something(), store=False)).status == 200
    assert await limited.used("requests_per_day") == 1
