"""Summaries while workers die, and while what they are made of goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.summaries.jobs import ATTEMPTS_MAX
from tests.support.api import Api, Json, message, open_api
from tests.support.conversations import add, new_conversation
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected
from tests.support.service import Service, run_service
from tests.support.summaries import holding, none_waits, summaries
from tests.support.worker import run_worker

ENGINE = {"method": "engine", "model": "test-model"}


@pytest.fixture
async def service(
    postgres: EmbeddedPostgres, fake_engine: FakeEngine, tmp_path: Path
) -> AsyncIterator[Service]:
    config = Config(
        data_dir=tmp_path,
        engine_url=fake_engine.url,
        engine_api_key=fake_engine.key,
        engine_retries_max=0,
        outbox_poll_seconds=0.1,
        drain_seconds=1,
        log_level="error",
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


async def talk(api: Api) -> tuple[str, list[str]]:
    """A conversation with three facts, and its items."""
    items = [message(f"We speak of fact-{n}.") for n in range(3)]
    conversation = await new_conversation(api, items=items)
    listed = (await api.get(f"/v1/conversations/{conversation}/items?order=asc")).body["data"]
    return conversation, [item["id"] for item in listed]


async def post(api: Api, conversation: str, **fields: object) -> Json:
    reply = await api.send("POST", f"/v1/conversations/{conversation}/summarize", fields)
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


async def test_of_two_workers_one_makes_it(service: Service, fake_engine: FakeEngine) -> None:
    """The engine answers both at the same time."""
    async with (
        run_service(service.urls, service.config) as other,
        open_api(service) as one_api,
        open_api(other) as other_api,
    ):
        one, two = one_api.as_user("me"), other_api.as_user("me")
        conversation, _ = await talk(one)
        fake_engine.summaries_wait = asyncio.Event()
        both = [asyncio.create_task(post(api, conversation, **ENGINE)) for api in (one, two)]

        async def asked() -> bool:
            return len(fake_engine.received) == 2

        await eventually(asked)
        fake_engine.summaries_wait.set()
        answers = await asyncio.gather(*both)
        assert answers[0] == answers[1]
        assert len(await summaries(one, "me")) == 1


async def test_a_worker_that_dies_leaves_nothing_half(
    service: Service, fake_engine: FakeEngine
) -> None:
    async with open_api(service) as anyone, run_worker(service.urls, service.config) as worker:
        api = anyone.as_user("me")
        conversation, _ = await talk(api)
        fake_engine.summaries_wait = asyncio.Event()
        async with open_api(worker.service) as dying:
            call = asyncio.create_task(post(dying.as_user("me"), conversation, **ENGINE))

            async def asked() -> bool:
                return len(fake_engine.received) == 1

            await eventually(asked)
            worker.kill()
            with suppress(aiohttp.ClientError):
                await call
        assert await summaries(api, "me") == []
        fake_engine.summaries_wait.set()
        answer = await post(api, conversation, **ENGINE)
        assert answer["memory"]["content"] == "They spoke of fact-0 fact-1 fact-2."
        assert len(await summaries(api, "me")) == 1


async def test_what_goes_while_it_is_summarised_is_not_in_it(
    service: Service, fake_engine: FakeEngine
) -> None:
    async with open_api(service) as anyone:
        api = anyone.as_user("me")
        conversation, items = await talk(api)
        fake_engine.summaries_wait = asyncio.Event()
        call = asyncio.create_task(post(api, conversation, **ENGINE))

        async def asked() -> bool:
            return len(fake_engine.received) == 1

        await eventually(asked)
        await api.delete(f"/v1/conversations/{conversation}/items/{items[1]}")
        fake_engine.summaries_wait.set()
        assert (await call)["memory"]["content"] == "They spoke of fact-0 fact-2."
        assert len(await summaries(api, "me")) == 1


async def test_an_engine_that_fails_in_the_background_is_seen(
    service: Service, fake_engine: FakeEngine
) -> None:
    async with open_api(service) as anyone:
        api, admin = anyone.as_user("me"), anyone.with_key(service.admin_key)
        conversation, items = await talk(api)
        first = (await post(api, conversation, **ENGINE))["memory"]
        fake_engine.summarises = False
        await api.delete(f"/v1/conversations/{conversation}/items/{items[0]}")
        assert (await api.get(f"/v1/memories/{first['id']}")).status == 404

        async def given_up() -> bool:
            async with connected(service.urls.owner) as conn:
                await conn.execute("UPDATE outbox SET run_at = now() WHERE failed_at IS NULL")
            return bool((await admin.get("/v1/jobs")).body["failed"])

        await eventually(given_up)
        [failed] = (await admin.get("/v1/jobs")).body["failed"]
        assert failed["topic"] == "summarize"
        assert failed["attempts"] >= ATTEMPTS_MAX
        fake_engine.summarises = True
        assert (await admin.send("POST", "/v1/jobs/retry")).body["count"] == 1
        await none_waits(service)
        texts = [one["content"] for one in await holding(api, "me")]
        assert texts == ["They spoke of fact-1 fact-2."]


async def test_the_engine_away_is_waited_for_by_nobody(
    service: Service, fake_engine: FakeEngine
) -> None:
    """Without an engine there is an extract all the same."""
    async with open_api(service) as anyone:
        api = anyone.as_user("me")
        conversation, _ = await talk(api)
        fake_engine.outage = 503
        assert (await post(api, conversation))["method"] == "extract"
        await add(api, conversation, message("And of fact-9."))
        reply = await api.send("POST", f"/v1/conversations/{conversation}/summarize", ENGINE)
        assert reply.status in (502, 503), reply.raw
        assert len(await holding(api, "me")) == 1
