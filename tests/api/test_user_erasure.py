"""Erasing a user: who may, what of others stays, and what comes too late."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, open_api, text_of
from tests.support.eventually import eventually
from tests.support.leftovers import rows_of_user
from tests.support.memories import recalled, remember, somebody
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected, count, new_key, tables_with
from tests.support.service import Service, run_service

ERASED = "SELECT count(*) FROM erased_users WHERE user_id = $1"
LATE = """
    INSERT INTO memories (project_id, memory_id, user_id, kind, content, language, words,
        occurred_at, trust)
    SELECT project_id, gen_random_uuid(), user_id, 'note', $2, 'english', 0, now(), 'user'
    FROM erased_users WHERE user_id = $1
"""


@pytest.fixture(scope="module")
async def sweeping(
    backstory: Service, postgres: EmbeddedPostgres, embedder_data_dir: Path
) -> AsyncIterator[Service]:
    """A service of its own, which sweeps all the time."""
    config = msgspec.structs.replace(backstory.config, erasure_sweep_seconds=0.05)
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


async def test_what_comes_too_late_is_swept(sweeping: Service) -> None:
    name, word = somebody(), somebody()
    async with open_api(sweeping) as api:
        await remember(api.as_user(name), "something")
        user_id = (await rows_of_user(sweeping, name)).user_id
        await api.delete(f"/v1/users/{name}")
    async with connected(sweeping.urls.owner) as conn:
        await conn.execute(LATE, user_id, word)
        await conn.execute("UPDATE erased_users SET sweep_at = now() WHERE user_id = $1", user_id)

    async def swept() -> bool:
        return await tables_with(sweeping, word) == set()

    await eventually(swept)
    assert await count(sweeping, ERASED, user_id) == 1  # a stream may run on
    async with connected(sweeping.urls.owner) as conn:
        await conn.execute(LATE, user_id, word)
        await conn.execute(
            "UPDATE erased_users SET sweep_at = now(), erased_at = now() - interval '2 hours'"
            " WHERE user_id = $1",
            user_id,
        )

    async def nobody_left() -> bool:
        return await count(sweeping, ERASED, user_id) == 0

    await eventually(nobody_left)
    assert await tables_with(sweeping, word) == set()


async def test_others_keep_what_is_theirs(api: Api, backstory: Service) -> None:
    gone, stays = api.as_user(somebody()), api.as_user(somebody())
    said = f"shared {somebody()}"
    cached = {"temperature": 0, "cache": {"namespace": somebody()}}
    await gone.respond(said, **cached)
    replayed = await stays.respond(said, **cached)  # from the log of the other's
    await remember(stays, said)
    reply = await api.delete(f"/v1/users/{gone.headers['Backstory-User']}")
    assert reply.body["forgotten"]["responses"] == 1
    assert text_of((await stays.get(f"/v1/responses/{replayed['id']}")).body) == f"You said: {said}"
    events = await stays.get(f"/v1/responses/{replayed['id']}?stream=true")
    assert said.encode() in events.raw
    assert said in await recalled(stays, said)
    assert (await stays.respond(said, **cached))["status"] == "completed"


async def test_a_name_that_comes_again_is_another_user(api: Api) -> None:
    name = somebody()
    mine = api.as_user(name)
    await remember(mine, "rivers")
    assert (await api.delete(f"/v1/users/{name}")).body["forgotten"]["memories"] == 1
    assert (await mine.get("/v1/memories")).body["data"] == []
    await remember(mine, "mountains")
    assert await recalled(mine, "rivers and mountains") == ["mountains"]


async def test_what_runs_is_ended_and_goes(api: Api, backstory: Service) -> None:
    name, word = somebody(), somebody()
    mine = api.as_user(name)
    said = f"{word} [[words:300]] [[delay:0.05]]"
    running = await mine.respond(said, background=True)
    assert (await api.delete(f"/v1/users/{name}")).status == 200
    assert (await api.get(f"/v1/responses/{running['id']}")).status == 404
    assert await tables_with(backstory, word) == set()


async def test_twice_at_once_is_once(api: Api) -> None:
    name = somebody()
    await remember(api.as_user(name), *map(str, range(20)))
    replies = await asyncio.gather(*(api.delete(f"/v1/users/{name}") for _ in range(4)))
    assert {reply.status for reply in replies} <= {200, 404}
    counted = [reply.body["forgotten"]["memories"] for reply in replies if reply.status == 200]
    assert sum(counted) == 20


async def test_who_may_not_erases_nobody(api: Api, backstory: Service) -> None:
    name = somebody()
    await remember(api.as_user(name), "stays")
    path = f"/v1/users/{name}"
    assert (await api.delete(f"/v1/users/{somebody()}")).status == 404
    assert (await api.delete("/v1/users/*")).status == 404
    differing = await api.as_user(somebody()).delete(path)
    assert (differing.status, differing.error["param"]) == (400, "user")
    writer = api.with_key(await new_key(backstory, "memory:write", "engine"))
    assert (await writer.delete(path)).status == 403
    assert await recalled(api.as_user(name), "stays") == ["stays"]
