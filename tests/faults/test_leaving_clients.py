"""Clients who leave in the middle, with two connections for all: others read what is their own."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, open_api
from tests.support.engine import run_fake_engine
from tests.support.memories import remember, somebody
from tests.support.pgbouncer import run_pgbouncer
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import new_key, new_project, new_session
from tests.support.service import Service, run_service

SEED = 20_261_123
LEAVING = 150
READINGS = 150
MEMORIES = 40
SCOPES = ("engine", "memory:read", "memory:write", "usage:read", "settings")
READS = (
    "/v1/memories/export",
    "/v1/memories?limit=100",
    "/v1/conversations?limit=100",
    "/v1/requests?limit=100",
    "/v1/settings/backstory",
)


class Speaker(msgspec.Struct, frozen=True):
    api: Api
    word: str
    """Stands in all that is theirs, and nowhere else."""


@pytest.fixture(params=["Postgres", "PgBouncer"])
async def service(
    postgres: EmbeddedPostgres, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Service]:
    pooled = request.param == "PgBouncer"
    with fresh_database(postgres) as urls, ExitStack() as behind:
        if pooled:
            service_url = behind.enter_context(run_pgbouncer(urls.service))
            urls = msgspec.structs.replace(urls, service=service_url)
        async with run_fake_engine() as engine:
            config = Config(
                database_statement_cache=not pooled,
                data_dir=tmp_path,
                engine_url=engine.url,
                engine_api_key=engine.key,
                engine_kind="responses",
                database_pool_max=2,
                database_acquire_timeout_seconds=60,
                request_flush_seconds=0.05,
                running_visible_after_seconds=0.05,
                drain_seconds=5,
            )
            async with run_service(urls, config) as service:
                yield service


async def test_nobody_gets_what_another_left(service: Service) -> None:
    dice = random.Random(SEED)
    async with open_api(service) as api:
        speakers = await _speakers(service, api)
        words = {speaker.word for speaker in speakers}

        async def read(speaker: Speaker, path: str) -> None:
            reply = await speaker.api.get(path)
            assert reply.status in (200, 404), reply.raw
            told = {word for word in words if word in reply.raw.decode()}
            assert told <= {speaker.word}, (path, told)
            if path == "/v1/memories/export":
                assert reply.raw.count(speaker.word.encode()) >= MEMORIES

        work = [_leave(dice.choice(speakers), dice) for _ in range(LEAVING)]
        work += [read(dice.choice(speakers), dice.choice(READS)) for _ in range(READINGS)]
        dice.shuffle(work)
        await asyncio.gather(*work)
        for speaker in speakers:
            for path in READS:
                await read(speaker, path)


async def _speakers(service: Service, api: Api) -> list[Speaker]:
    """In each of three projects a key for a user, and the sessions of two others."""
    found = []
    for _ in range(3):
        project = await new_project(service)
        key = await new_key(service, *SCOPES, project=project)
        found.append(await _settled(api.with_key(key).as_user(somebody())))
        for _ in range(2):
            token = await new_session(service, somebody(), project=project)
            found.append(await _settled(api.with_key(token)))
    return found


async def _settled(api: Api) -> Speaker:
    word = f"word{uuid4().hex}"
    await remember(api, *(f"Number {number} of {word}." for number in range(MEMORIES)))
    begun = await api.send("POST", "/v1/conversations", {"title": word})
    await api.respond(f"I say {word}.", conversation=begun.body["id"])
    return Speaker(api, word)


async def _leave(speaker: Speaker, dice: random.Random) -> None:
    """In the middle of a stream, of a long read, or before anything was said."""
    way, turns = dice.randrange(3), dice.randrange(60)
    if way == 0:
        said = f"{speaker.word} [[words:60]] [[delay:0.002]]"
        async with speaker.api.streaming(said, store=bool(turns % 2)) as answer:
            await answer.content.read(100 * turns + 1)
    elif way == 1:
        async with speaker.api.open("GET", "/v1/memories/export") as answer:
            await answer.content.read(100)
    else:
        asking = asyncio.create_task(speaker.api.get("/v1/memories?limit=100"))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
