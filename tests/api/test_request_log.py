"""The request log: one row a call, with what it was; read in pages; and its totals."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from app.config import Config
from app.db.database import open_database
from app.db.embedded import EmbeddedPostgres
from app.ids import ProjectId, RequestId, UserId, created_at, new_id
from app.usage.record import RequestLog
from app.usage.types import RequestRecord
from tests.support.api import Api, Json, Reply, open_api
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import something
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected, count, new_key, new_project
from tests.support.service import Service, run_service


@pytest.fixture
def user(api: Api) -> Api:
    """Somebody whose rows are theirs alone."""
    return api.as_user(something("user"))


async def logged(api: Api, reply: Reply) -> Json:
    """The row of a call, now or after the next flush; a key that names no user finds all."""
    api = api.with_key(api.key)
    api.headers = {}

    async def found() -> Json | None:
        row = await api.get(f"/v1/requests/{reply.headers['x-request-id']}")
        return row.body if row.status == 200 else None

    row = await eventually(found)
    assert row
    return row


async def test_a_stored_turn_s_row_is_in_its_commit(user: Api, backstory: Service) -> None:
    reply = await user.create(something("hello"), temperature=0.5)
    row = (await user.get(f"/v1/requests/{reply.headers['x-request-id']}")).body
    usage = reply.body["usage"]
    assert row == {
        "id": reply.headers["x-request-id"],
        "object": "request",
        "created_at": row["created_at"],
        "user": user.headers["Backstory-User"],
        "api_key": row["api_key"],
        "endpoint": "POST /v1/responses",
        "purpose": "client",
        "response_id": reply.body["id"],
        "model": "test-model",
        "engine": "responses",
        "stream": False,
        "status": 200,
        "error_code": None,
        "cache_status": None,
        "input_tokens": usage["input_tokens"],
        "output_tokens": usage["output_tokens"],
        "cached_tokens": 0,
        "saved_tokens": None,
        "first_token_ms": row["first_token_ms"],
        "total_ms": row["total_ms"],
    }
    assert 0 < row["first_token_ms"] <= row["total_ms"] < 10_000
    assert row["api_key"].startswith("key_")
    sent_at = datetime.fromisoformat(row["created_at"])
    assert abs(sent_at.timestamp() - reply.body["created_at"]) < 5


async def test_a_stream_s_row_is_there_when_it_has_ended(user: Api) -> None:
    streamed = await user.stream(something("[[words:20]] [[delay:0.005]]"))
    row = (await user.get(f"/v1/requests/{streamed.headers['x-request-id']}")).body
    assert row["stream"] is True
    assert row["response_id"] == streamed.response["id"]
    assert row["output_tokens"] == streamed.response["usage"]["output_tokens"] == 20
    assert row["total_ms"] > row["first_token_ms"] + 50


async def test_what_is_not_stored_is_logged_all_the_same(user: Api) -> None:
    reply = await user.create(something(), store=False)
    row = await logged(user, reply)
    assert row["response_id"] is None
    assert row["user"] == user.headers["Backstory-User"]
    assert row["output_tokens"] == reply.body["usage"]["output_tokens"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"input": 5}, 400, "invalid_value"),
        ({"model": "gpt-17"}, 404, "model_not_found"),
        (
            {"previous_response_id": "resp_01a204d6d03e7136806b4ed9fc7bb852"},
            400,
            "previous_response_not_found",
        ),
        ({"input": "[[status:429]]"}, 429, "rate_limit_exceeded"),
        ({"input": "[[status:500]]"}, 502, "engine_broken"),
        ({"input": "[[status:401]]"}, 502, "engine_auth_failed"),
    ],
)
async def test_errors_are_logged(
    user: Api, fields: Json, status: int, code: str, stream: bool
) -> None:
    reply = await user.create("hello", **{**fields, "stream": stream})
    assert reply.status == status
    row = await logged(user, reply)
    assert (row["status"], row["error_code"]) == (status, code)
    assert row["endpoint"] == "POST /v1/responses"
    assert row["user"] == (None if code == "invalid_value" else user.headers["Backstory-User"])


async def test_reading_is_logged_under_the_route_s_name(user: Api) -> None:
    body = await user.respond(something())
    path = f"/v1/responses/{body['id']}"
    replies = {
        "GET /v1/responses/{response_id}": await user.get(path),
        "GET /v1/responses/{response_id}/input_items": await user.get(f"{path}/input_items"),
        "DELETE /v1/responses/{response_id}": await user.delete(path),
        "GET /v1/models": await user.get("/v1/models"),
    }
    for endpoint, reply in replies.items():
        row = await logged(user, reply)
        assert row["endpoint"] == endpoint
        assert row["status"] == 200
        assert row["user"] == (None if "models" in endpoint else user.headers["Backstory-User"])
    gone = await logged(user, await user.get(path))
    assert (gone["status"], gone["error_code"]) == (404, "response_not_found")


async def test_a_duplicate_call_is_a_row_of_its_own(user: Api) -> None:
    said = something()
    keyed = user.with_headers({"Idempotency-Key": something("key")})
    first, second = await keyed.create(said), await keyed.create(said)
    rows = [await logged(user, first), await logged(user, second)]
    assert rows[0]["id"] != rows[1]["id"]
    assert rows[1]["input_tokens"] is None  # what was paid for once is counted once


async def test_health_and_docs_are_not_logged(api: Api, backstory: Service) -> None:
    await api.get("/health/live")
    await api.get("/openapi.json")
    reply = await api.create(something(), store=False)
    await logged(api, reply)
    sql = "SELECT count(*) FROM requests WHERE endpoint ~ 'health|openapi|docs'"
    assert await count(backstory, sql) == 0


# Reading it


@pytest.fixture
async def spoken(user: Api) -> list[Reply]:
    """Seven calls of one user, each different, oldest first."""
    return [
        await user.create(something(), temperature=0),
        await user.create("[[status:500]]"),
        await user.create(something(), model="@oi/beta"),
        await user.create("twice", temperature=0),
        await user.create("twice", temperature=0),
        await user.create("hello", model="gpt-17"),
        await user.create(something()),
    ]


async def listed(api: Api, query: str = "", *, at_least: int = 0) -> Json:
    async def page() -> Json | None:
        body: Json = (await api.get(f"/v1/requests?{query}")).body
        return body if len(body["data"]) >= at_least else None

    body = await eventually(page)
    assert body
    return body


def ids(rows: list[Json]) -> list[str]:
    return [row["id"] for row in rows]


async def test_it_is_read_newest_first_or_oldest_first(user: Api, spoken: list[Reply]) -> None:
    expected = [reply.headers["x-request-id"] for reply in spoken]
    only = "endpoint=POST%20/v1/responses"
    oldest = await listed(user, f"{only}&order=asc", at_least=7)
    assert ids(oldest["data"]) == expected
    newest = await listed(user, only)
    assert ids(newest["data"]) == expected[::-1]
    assert (newest["first_id"], newest["last_id"]) == (expected[-1], expected[0])
    assert newest["has_more"] is False


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_it_is_paged_both_ways(user: Api, spoken: list[Reply], order: str) -> None:
    only = f"endpoint=POST%20/v1/responses&order={order}"
    everything = ids((await listed(user, only, at_least=7))["data"])
    pages, after = [], ""
    while True:
        page = await listed(user, f"{only}&limit=3{after}")
        pages.append(ids(page["data"]))
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert pages == [everything[:3], everything[3:6], everything[6:]]
    back = await listed(user, f"{only}&limit=3&before={everything[6]}")
    assert ids(back["data"]) == everything[3:6]
    assert back["has_more"] is True
    start = await listed(user, f"{only}&limit=3&before={everything[3]}")
    assert ids(start["data"]) == everything[:3]
    assert start["has_more"] is False


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("status=502", [1]),
        ("status=404", [5]),
        ("model=@oi/beta", [2]),
        ("cache_status=HIT", [4]),
        ("cache_status=MISS", [0, 3]),
        ("status=200&cache_status=HIT&model=test-model", [4]),
        ("status=418", []),
        ("model=nobody", []),
    ],
)
async def test_it_is_filtered(
    user: Api, spoken: list[Reply], query: str, places: list[int]
) -> None:
    only = "endpoint=POST%20/v1/responses&order=asc"
    await listed(user, only, at_least=7)
    found = ids((await listed(user, f"{only}&{query}"))["data"])
    assert found == [spoken[place].headers["x-request-id"] for place in places]


async def test_it_is_cut_by_time(user: Api, spoken: list[Reply]) -> None:
    only = "endpoint=POST%20/v1/responses&order=asc"
    rows = (await listed(user, only, at_least=7))["data"]
    start, end = rows[2]["created_at"], rows[5]["created_at"]
    inside = [row["id"] for row in rows if start <= row["created_at"] < end]
    found = await listed(user, f"{only}&start={start}&end={end}".replace("+", "%2B"))
    assert ids(found["data"]) == inside
    assert rows[2]["id"] in inside
    assert not (await listed(user, f"{only}&start=2020-01-01&end=2020-02-01"))["data"]


async def test_each_reads_what_is_theirs(
    backstory: Service, api: Api, user: Api, spoken: list[Reply]
) -> None:
    mine = spoken[0].headers["x-request-id"]
    stranger = api.as_user(something("stranger"))
    assert (await user.get(f"/v1/requests/{mine}")).status == 200
    assert (await stranger.get(f"/v1/requests/{mine}")).status == 404
    assert not (await listed(stranger, "endpoint=POST%20/v1/responses"))["data"]
    assert mine not in ids((await listed(api, "limit=100"))["data"])
    everyone = api.with_key(backstory.admin_key)
    own = f"user=*&model=test-model&limit=100&start={await _before(user)}"
    assert mine in ids((await listed(everyone, own.replace("+", "%2B")))["data"])
    named = f"user={user.headers['Backstory-User'].replace(' ', '%20')}&status=200&order=asc"
    assert ids((await listed(api, named))["data"])[0] == mine
    project = await new_project(backstory)
    other = api.with_key(await new_key(backstory, "usage:read", "admin", project=project))
    assert (await other.get(f"/v1/requests/{mine}")).status == 404
    assert mine not in ids((await listed(other, "user=*&limit=100"))["data"])


async def _before(user: Api) -> str:
    rows = (await listed(user, "endpoint=POST%20/v1/responses&order=asc", at_least=7))["data"]
    created_at: str = rows[0]["created_at"]
    return created_at


# Totals


async def test_the_summary_adds_up(user: Api, spoken: list[Reply]) -> None:
    await listed(user, "endpoint=POST%20/v1/responses", at_least=7)

    async def all_there() -> tuple[Json, list[Json]] | None:
        """A stretch that no row is being written to."""
        rows = (await listed(user, "limit=100&order=asc"))["data"]
        end = rows[-1]["created_at"].replace("+", "%2B")
        summary = (await user.get(f"/v1/analytics/summary?end={end}")).body
        return (summary, rows[:-1]) if len(rows) > len(spoken) else None

    there = await eventually(all_there)
    assert there
    summary, rows = there
    totals = summary["totals"]
    assert summary["object"] == "analytics.summary"
    assert totals["requests"] == len(rows) >= 7
    assert totals["errors"] == sum(row["status"] >= 400 for row in rows) == 2
    for name in ("input_tokens", "output_tokens", "saved_tokens"):
        assert totals[name] == sum(row[name] or 0 for row in rows)
    assert totals["saved_tokens"] == spoken[4].body["usage"]["total_tokens"]
    assert totals["cache_hits"] == 1
    assert totals["cache_misses"] == 2
    assert totals["users"] == 1
    times = sorted(row["total_ms"] for row in rows)
    assert times[0] <= totals["total_ms_p50"] <= totals["total_ms_p95"] <= times[-1]
    firsts = sorted(row["first_token_ms"] for row in rows if row["first_token_ms"] is not None)
    assert firsts[0] <= totals["first_token_ms_p50"] <= totals["first_token_ms_p95"] <= firsts[-1]


async def test_a_summary_of_nothing(api: Api) -> None:
    totals = (await api.get("/v1/analytics/summary?start=2020-01-01&end=2020-02-01")).body["totals"]
    assert {value for name, value in totals.items() if not name.endswith(("p50", "p95"))} == {0}
    assert totals["total_ms_p50"] is None


# Keeping it


async def test_a_clean_stop_loses_no_row(
    postgres: EmbeddedPostgres, fake_engine: FakeEngine, tmp_path: Path
) -> None:
    config = Config(
        data_dir=tmp_path,
        engine_url=fake_engine.url,
        engine_api_key=fake_engine.key,
        request_flush_seconds=3600,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service, open_api(service) as api:
            await asyncio.gather(*(api.create(f"{n}", store=False) for n in range(30)))
            assert await count(service, "SELECT count(*) FROM requests") == 0
        assert await count(service, "SELECT count(*) FROM requests") == 30


async def test_a_row_that_cannot_be_written_takes_no_other_along(backstory: Service) -> None:
    """The engine's own words may be what no row can hold."""
    project = await new_project(backstory)
    records = [a_record(project, code) for code in ("a", "b\x00", "c")]
    assert backstory.config.database_url is not None
    async with open_database(backstory.config.database_url, backstory.config) as database:
        log = RequestLog(database, 100)
        for record in records:
            log.add(record)
        await log.flush()
    assert log.dropped == 1
    sql = "SELECT count(*) FROM requests WHERE project_id = $1"
    assert await count(backstory, sql, project) == 2


async def test_a_stop_amid_a_write_loses_no_row(backstory: Service) -> None:
    """The write waits for a lock while it is cut off; the next one has all of its rows."""
    project = await new_project(backstory)
    records = [a_record(project) for _ in range(3)]
    sql = "SELECT count(*) FROM requests WHERE project_id = $1"
    waits = "SELECT count(*) FROM pg_locks WHERE relation = 'requests'::regclass AND NOT granted"
    async with open_database(backstory.urls.service, backstory.config) as database:
        log = RequestLog(database, 100)
        for record in records:
            log.add(record)
        async with connected(backstory.urls.owner) as owner, owner.transaction():
            await owner.execute("LOCK TABLE requests IN SHARE MODE")
            writing = asyncio.create_task(log.flush())

            async def waiting() -> bool:
                return bool(await owner.fetchval(waits))

            await eventually(waiting)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
        assert await count(backstory, sql, project) == 0
        await log.flush()
    assert log.dropped == 0
    assert await count(backstory, sql, project) == 3


def a_record(project: ProjectId, error_code: str | None = None) -> RequestRecord:
    request_id = RequestId(new_id())
    return RequestRecord(
        project_id=project,
        created_at=created_at(request_id),
        request_id=request_id,
        user_id=UserId(new_id()),
        key_id=None,
        endpoint="POST /v1/responses",
        error_code=error_code,
    )
