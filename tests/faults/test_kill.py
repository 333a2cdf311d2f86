"""kill -9 amid two hundred streams: what a client saw completed is there, whole and once."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest

from app.db.embedded import EmbeddedPostgres
from app.db.sql import Connection
from tests.support.api import Api, text_of
from tests.support.engine import KEY
from tests.support.eventually import eventually
from tests.support.postgres_fixtures import data_folder
from tests.support.rows import connected
from tests.support.serving import ROOT, Serving, all_gone, end, servers_in, until
from tests.support.watching import Crowd, Watched

STREAMS = 200
DELAY = 0.01
COMPLETED_MIN = 40
RECALL_SECONDS_MAX = 30.0

HALF_STORED = {
    "a completed response without its items": """
        SELECT count(*) FROM responses r JOIN turns t
        ON t.project_id = r.project_id AND t.turn_id = r.response_id
        WHERE (SELECT count(*) FROM items i
               WHERE i.project_id = t.project_id AND i.turn_id = t.turn_id)
            <> t.end_position - t.start_position""",
    "a response that is not one row of the request log": """
        SELECT count(*) FROM responses r
        WHERE (SELECT count(*) FROM requests q WHERE q.response_id = r.response_id) <> 1""",
    "a logged response that is not there": """
        SELECT count(*) FROM requests q WHERE q.response_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM responses r WHERE r.response_id = q.response_id)""",
    "a turn without its response": """
        SELECT count(*) FROM turns t
        WHERE NOT EXISTS (SELECT FROM responses r WHERE r.response_id = t.turn_id)""",
    "a completed response without its usage": """
        SELECT count(*) FROM responses WHERE status = 'completed' AND usage IS NULL""",
}


@pytest.fixture(scope="module")
def folder(exported_models: Path) -> Iterator[Path]:
    with data_folder() as path:
        (path / "data").mkdir()
        (path / "data" / "models").symlink_to(exported_models)
        yield path / "data"


async def test_kill_the_service(folder: Path) -> None:
    with engine_process() as (_, engine_url):
        async with started(folder, engine_url) as service:
            async with speaking(service) as api:
                crowd = Crowd(api, STREAMS, DELAY)
                await eventually(lambda: _so_many(crowd))
                others = [process for process in service.below() if process.name() != "postgres"]
                service.kill()
                await crowd.ended()
            until(lambda: all_gone(others))
        assert COMPLETED_MIN <= len(crowd.completed) < STREAMS
        assert len(crowd.begun) > len(crowd.completed)
        async with started(folder, engine_url) as service, speaking(service) as api:
            await check(folder, api, crowd)
            await check_recall(folder, api, crowd.completed)


async def test_kill_postgres(folder: Path) -> None:
    with engine_process() as (_, engine_url):
        async with started(folder, engine_url) as service, speaking(service) as api:
            crowd = Crowd(api, STREAMS, DELAY)
            await eventually(lambda: _so_many(crowd))
            (postmaster,) = [
                p for p in servers_in(folder) if p.parent() and _is_head(p.pid, folder)
            ]
            postmaster.kill()
            before = len(crowd.completed)
            await crowd.ended()
            assert all(each.last for each in crowd.begun), "a stream broke off without its end"
            assert len(crowd.completed) > before, "none waited for Postgres to come back"
            await eventually(lambda: _answers(api))
            await check(folder, api, crowd)
            await check_recall(folder, api, crowd.completed)


async def test_kill_the_engine(folder: Path) -> None:
    with engine_process() as (engine, engine_url):
        async with started(folder, engine_url) as service, speaking(service) as api:
            crowd = Crowd(api, STREAMS, DELAY)
            await eventually(lambda: _so_many(crowd))
            engine.kill()
            await crowd.ended()
            failed = [each for each in crowd.begun if not each.completed]
            assert failed
            for each in failed:
                assert each.last, "a stream broke off without its end"
                assert each.last["status"] == "failed"
                assert each.last["error"]["code"] == "engine_broken"
                assert text_of(each.last) == each.text
                stored = await api.get(f"/v1/responses/{each.response_id}")
                assert stored.body == each.last
            await check(folder, api, crowd)


async def check(folder: Path, api: Api, crowd: Crowd) -> None:
    """Nothing that was told is missing, and nothing is half there."""
    for each in crowd.completed:
        stored = await api.get(f"/v1/responses/{each.response_id}")
        assert stored.status == 200
        assert stored.body == each.last
        assert len(text_of(stored.body).split()) == each.words
        row = await api.get(f"/v1/requests/{each.request_id}")
        assert row.status == 200
        assert (row.body["response_id"], row.body["status"]) == (each.response_id, 200)
    for each in crowd.begun:
        stored = await api.get(f"/v1/responses/{each.response_id}")
        if stored.status == 200 and stored.body["status"] == "completed":
            assert len(text_of(stored.body).split()) == each.words
    async with _owner(folder) as conn:
        for wrong, sql in HALF_STORED.items():
            assert await conn.fetchval(sql) == 0, wrong
        tokens = [each.token for each in crowd.completed]
        assert await conn.fetchval(ONCE, tokens) == len(tokens)


ONCE = """
    WITH texts AS (
        SELECT c.body::text AS body FROM items i JOIN contents c
        ON c.project_id = i.project_id AND c.user_id = i.user_id AND c.hash = i.content_hash)
    SELECT count(*) FROM unnest($1::text[]) AS said (token)
    WHERE (SELECT count(*) FROM texts WHERE body LIKE '%' || token || '%') = 1"""


async def check_recall(folder: Path, api: Api, completed: list[Watched]) -> None:
    """What was said is remembered, each message once, and found by a word of its own."""
    tokens = [each.token for each in completed]

    async with _owner(folder) as conn:

        async def all_remembered() -> bool:
            return bool(await conn.fetchval(REMEMBERED, tokens) == len(tokens))

        await eventually(all_remembered, seconds=RECALL_SECONDS_MAX)
    for token in tokens[:RECALLED]:
        reply = await api.send("POST", "/v1/recall", {"query": token, "limit": 5})
        contents = [entry["memory"]["content"] for entry in reply.body["data"]]
        assert sum(token in content for content in contents) == 1


REMEMBERED = """
    SELECT count(*) FROM unnest($1::text[]) AS said (token)
    WHERE (SELECT count(*) FROM memories WHERE content LIKE '%' || token || '%') = 1"""
RECALLED = 40


async def _so_many(crowd: Crowd) -> bool:
    return len(crowd.completed) >= COMPLETED_MIN


async def _answers(api: Api) -> bool:
    return (await api.get("/v1/requests")).status == 200


def _is_head(pid: int, folder: Path) -> bool:
    return int((folder / "postgres" / "postmaster.pid").read_text().split("\n")[0]) == pid


@asynccontextmanager
async def _owner(folder: Path) -> AsyncIterator[Connection]:
    postgres = EmbeddedPostgres(folder)
    assert postgres.find_running()
    async with connected(postgres.owner_url) as conn:
        yield conn


@contextmanager
def engine_process() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The test engine on its own, and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.engine"], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        with process.stdout:
            yield process, process.stdout.readline().decode().strip()
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def started(folder: Path, engine_url: str) -> AsyncIterator[Serving]:
    environ = {
        "BACKSTORY_ENGINE_URL": engine_url,
        "BACKSTORY_ENGINE_API_KEY": KEY,
        "BACKSTORY_REQUEST_FLUSH_SECONDS": "0.2",
        # What the dead had in hand is taken up when its lease is over.
        "BACKSTORY_OUTBOX_LEASE_SECONDS": "8",
    }
    service = Serving(folder, environ=environ)
    try:
        await asyncio.to_thread(service.wait_ready)
        yield service
    finally:
        await asyncio.to_thread(end, service)


@asynccontextmanager
async def speaking(service: Serving) -> AsyncIterator[Api]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        yield Api(http, service.root_url, service.credentials.api_key)
