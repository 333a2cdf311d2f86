"""Memories that run out, that are kept for a time, that are used, and what memory is like."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, Json, open_api
from tests.support.derived import as_uuid, derive
from tests.support.eventually import eventually
from tests.support.memories import embedded, recalled, remember, somebody
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected, count, new_key, new_project, tables_with
from tests.support.service import Service, run_service
from tests.support.settings import set_own

OLD = """
    WITH gone AS (DELETE FROM outbox)
    UPDATE memories SET memory_id = $2 WHERE memory_id = $1
"""
OWNED = """
    SELECT count(*) FROM memories m JOIN users u USING (project_id, user_id)
    WHERE u.external_id = $1
"""
PAST = 1_700_000_000


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def query_time(days: float) -> str:
    return str(int((datetime.now(UTC) + timedelta(days=days)).timestamp()))


@pytest.fixture(scope="module")
async def tended(
    backstory: Service, postgres: EmbeddedPostgres, embedder_data_dir: Path
) -> AsyncIterator[Service]:
    """A service of its own, which looks all the time for what has run out."""
    config = msgspec.structs.replace(
        backstory.config,
        memory_tend_seconds=0.05,
        memory_uses_flush_seconds=0.05,
        settings_ttl_seconds=0.01,
        stats_memories_max=5,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


@pytest.fixture
async def own(tended: Service) -> AsyncIterator[Api]:
    async with open_api(tended) as api:
        yield api


@pytest.fixture
def mine(own: Api) -> Api:
    return own.as_user(somebody())


async def listed(api: Api, query: str = "") -> list[str]:
    reply = await api.get(f"/v1/memories?limit=100{query}")
    assert reply.status == 200, reply.raw
    return [memory["content"] for memory in reply.body["data"]]


async def stats(api: Api, query: str = "") -> Json:
    reply = await api.get(f"/v1/memories/stats{query}")
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


async def keep_days(api: Api, days: int | None) -> None:
    """Of the project, or of the user that `api` speaks for."""
    await set_own(api, {"memory_retention_days": days})


async def make_older(service: Service, memory: Json, days: float) -> None:
    """Its id tells when it was remembered."""
    then = int((datetime.now(UTC) - timedelta(days=days)).timestamp() * 1000)
    old = f"{then:012x}{as_uuid(memory['id']).replace('-', '')[12:]}"
    async with connected(service.urls.owner) as conn, conn.transaction():
        # Held, so that no vector comes meanwhile.
        await conn.execute(
            "SELECT FROM memories WHERE memory_id = $1 FOR UPDATE", as_uuid(memory["id"])
        )
        for table in ("memory_postings", "memory_vectors", "memory_uses"):
            await conn.execute(f"DELETE FROM {table} WHERE memory_id = $1", as_uuid(memory["id"]))
        await conn.execute(OLD, as_uuid(memory["id"]), as_uuid(f"mem_{old}"))


# Running out


async def test_what_has_run_out_is_not_there(api: Api, backstory: Service) -> None:
    mine = api.as_user(somebody())
    (gone,) = await remember(mine, "sour milk", expires_at=PAST)
    await remember(mine, "fresh milk", expires_at=in_days(1))
    assert await listed(mine) == ["fresh milk"]
    assert await recalled(mine, "milk") == ["fresh milk"]
    path = f"/v1/memories/{gone['id']}"
    for reply in (
        await mine.get(path),
        await mine.get(f"{path}/history"),
        await mine.send("PATCH", path, {"expires_at": None}),
        await mine.delete(path),
    ):
        assert reply.status == 404


async def test_what_is_ended_by_hand_is_gone(mine: Api) -> None:
    (memory,) = await remember(mine, "sour milk")
    path = f"/v1/memories/{memory['id']}"
    ended = await mine.send("PATCH", path, {"expires_at": PAST})
    assert (ended.status, ended.body["version"]) == (200, 2)
    assert (await mine.get(path)).status == 404


async def test_it_is_dropped_with_all_that_came_from_it(mine: Api, tended: Service) -> None:
    word = somebody().replace("-", "")
    memory, stays = await remember(mine, f"The word is {word}.", "Another word.")
    fact = await derive(tended, "fact", f"The word is {word}.", [memory])
    deadline = {"expires_at": in_days(0.5 / 86_400)}
    await mine.send("PATCH", f"/v1/memories/{memory['id']}", deadline)

    async def nothing_left() -> bool:
        return await tables_with(tended, word) == set()

    await eventually(nothing_left)
    assert (await mine.get(f"/v1/memories/{fact}")).status == 404
    assert await listed(mine) == [stays["content"]]


async def test_more_than_a_batch_is_dropped(mine: Api, tended: Service) -> None:
    await remember(mine, *(f"n {n}" for n in range(700)), expires_at=PAST)
    await remember(mine, "stays")

    async def all_dropped() -> bool:
        return await count(tended, OWNED, mine.headers["Backstory-User"]) == 1

    await eventually(all_dropped)


HOLD_UP = """
    CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE 'Not these.';
    END $$;
    CREATE TRIGGER hold_up BEFORE DELETE ON memories FOR EACH ROW
    WHEN (OLD.content LIKE 'stuck %') EXECUTE FUNCTION hold_up();
"""


async def test_a_project_that_fails_holds_up_no_other(own: Api, tended: Service) -> None:
    """Though its memories ran out first, and are more than a batch."""
    project = await new_project(tended)
    stuck = own.with_key(await new_key(tended, "memory:write", project=project))
    async with connected(tended.urls.owner) as conn:
        await conn.execute(HOLD_UP)
    try:
        await remember(stuck, *(f"stuck {n}" for n in range(600)), expires_at=PAST)
        mine = own.as_user(somebody())
        await remember(mine, "sour milk", expires_at=PAST + 1)

        async def dropped() -> bool:
            return await count(tended, OWNED, mine.headers["Backstory-User"]) == 0

        await eventually(dropped)
        left = "SELECT count(*) FROM memories WHERE project_id = $1"
        assert await count(tended, left, project) == 600
    finally:
        async with connected(tended.urls.owner) as conn:
            await conn.execute("DROP FUNCTION hold_up CASCADE")


# Retention


async def test_a_project_keeps_memories_for_a_time(own: Api, mine: Api, tended: Service) -> None:
    other = mine.as_user(somebody())
    old, _ = await remember(mine, "thirty days old", "new")
    theirs = (await remember(other, "thirty days old too"))[0]
    for memory in (old, theirs):
        await make_older(tended, memory, 30)
    await keep_days(other, None)  # theirs are kept
    await keep_days(own, 40)
    assert await listed(mine, f"&expiring_before={query_time(20)}") == ["thirty days old"]
    assert await listed(mine, f"&expiring_before={query_time(5)}") == []
    assert (await stats(mine, f"?expiring_before={query_time(20)}"))["expiring"] == 1
    await keep_days(own, 20)

    async def dropped() -> bool:
        return await listed(mine) == ["new"]

    await eventually(dropped)
    assert await listed(other) == ["thirty days old too"]
    await keep_days(other, 10)
    await keep_days(own, None)

    async def theirs_dropped() -> bool:
        return await listed(other) == []

    await eventually(theirs_dropped)


async def test_what_will_go_can_be_listed(mine: Api) -> None:
    await remember(mine, "in a day", expires_at=in_days(1))
    await remember(mine, "in a year", expires_at=in_days(365))
    await remember(mine, "never")
    assert await listed(mine, f"&expiring_before={query_time(2)}") == ["in a day"]
    reply = await mine.get("/v1/memories?expiring_before=soon")
    assert (reply.status, reply.error["param"]) == (400, "expiring_before")


# Use


async def test_what_is_recalled_is_counted(mine: Api, tended: Service) -> None:
    used, unused = await remember(mine, "Bees make honey.", "Cars need petrol.")
    assert (used["uses"], used["used_at"]) == (0, None)
    for _ in range(3):
        reply = await mine.send("POST", "/v1/recall", {"query": "honey of bees", "limit": 1})
        assert reply.body["data"][0]["memory"]["id"] == used["id"]
    await mine.respond("What do bees make?", memory={"recall": {"limit": 1}, "remember": False})

    async def counted() -> bool:
        return bool((await mine.get(f"/v1/memories/{used['id']}")).body["uses"] == 4)

    await eventually(counted)
    assert (await mine.get(f"/v1/memories/{used['id']}")).body["used_at"]
    assert (await mine.get(f"/v1/memories/{unused['id']}")).body["uses"] == 0
    assert (await stats(mine))["never_used"] == 1


# Quality


async def test_stats_tell_what_memory_is_like(mine: Api, tended: Service) -> None:
    fact, _ = await remember(mine, "Ada lives in Ulm.", "Ada lives in Bonn.", kind="fact")
    await remember(mine, "x", expires_at=in_days(3))
    async with connected(tended.urls.owner) as conn:
        await conn.execute(
            "UPDATE memories SET superseded_at = now() WHERE memory_id = $1", as_uuid(fact["id"])
        )
    await embedded(tended, mine.headers["Backstory-User"], 3)
    await derive(tended, "summary", "Of Ada.", [fact])
    found = await stats(mine)
    told = {
        "object": "memory.stats",
        "user": mine.headers["Backstory-User"],
        "memories": 4,
        "has_more": False,
        "kinds": {"fact": 2, "note": 1, "summary": 1},
        "trust": {"application": 4},
        "current": 3,
        "superseded": 1,
        "expired": 0,
        "expiring": 1,
        "retention_days": None,
        "never_used": 4,
        "awaiting_vectors": 1,
    }
    assert {name: found[name] for name in told} == told
    assert {job["topic"] for job in found["jobs"]} <= {"embed_memories"}
    assert (await stats(mine.as_user(somebody())))["memories"] == 0
    await remember(mine, *"abcd")
    most = await stats(mine)
    assert (most["kinds"], most["has_more"]) == ({"note": 4, "summary": 1}, True)


async def test_stats_of_everyone_are_for_admins(api: Api, backstory: Service) -> None:
    project = await new_project(backstory)
    scopes = ("memory:read", "memory:write")
    admin = api.with_key(await new_key(backstory, "admin", *scopes, project=project))
    await remember(admin, "the project's")
    await remember(admin.as_user("ada"), "ada's")
    assert (await stats(admin))["memories"] == 1
    assert (await stats(admin, "?user=*"))["memories"] == 2
    assert (await api.get("/v1/memories/stats?user=*")).status == 403
    writer = api.with_key(await new_key(backstory, "memory:write", project=project))
    assert (await writer.get("/v1/memories/stats")).status == 403
    assert (await admin.get("/v1/memories/stats?expiring_before=x")).status == 400
