"""An engine, or a database, that fails in the middle of an answer: told, stored, never cached."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, Json, open_api, text_of
from tests.support.engine import FakeEngine, run_fake_engine
from tests.support.eventually import eventually
from tests.support.heard import heard, something, texts
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected
from tests.support.service import Service, run_service
from tests.support.standard import check_events, check_response

BROKEN = [
    ("break", 502, "engine_broken"),
    ("half", 502, "engine_broken"),
    ("end", 502, "engine_broken"),
    ("garbage", 502, "engine_broken"),
    ("stall", 504, "engine_timeout"),
]
AT = 7
"""The event at which it goes wrong: created, in_progress, added, part, then three deltas came."""


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[FakeEngine]:
    async with run_fake_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
async def service(
    postgres: EmbeddedPostgres, engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """One that loses its patience soon."""
    config = Config(
        data_dir=tmp_path_factory.mktemp("breaks"),
        engine_url=engine.url,
        engine_api_key=engine.key,
        engine_stall_timeout_seconds=0.5,
        engine_first_byte_timeout_seconds=0.5,
        database_statement_timeout_seconds=0.5,
        commit_retry_seconds=1,
        request_flush_seconds=0.05,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


@pytest.fixture
async def speaker(service: Service) -> AsyncIterator[Api]:
    async with open_api(service) as api:
        yield api


async def row(api: Api, request_id: str) -> Json:
    async def found() -> Json | None:
        reply = await api.get(f"/v1/requests/{request_id}")
        return reply.body if reply.status == 200 else None

    logged = await eventually(found)
    assert logged
    return logged


@pytest.mark.parametrize(("fault", "status", "code"), BROKEN)
async def test_a_broken_stream_ends_as_failed_and_is_stored_so(
    speaker: Api, fault: str, status: int, code: str
) -> None:
    streamed = await speaker.stream(something(f"[[{fault}:{AT}]] [[words:20]]"))
    check_events(streamed.events)
    assert streamed.done
    response = streamed.response
    assert response["status"] == "failed"
    assert response["error"]["code"] == code
    assert response["completed_at"] is None
    deltas = [e["delta"] for e in streamed.events if e["type"] == "response.output_text.delta"]
    assert len(deltas) == 3
    assert text_of(response) == "".join(deltas)
    assert response["output"][0]["status"] == "incomplete"
    assert (await speaker.get(f"/v1/responses/{response['id']}")).body == response
    logged = await row(speaker, streamed.headers["x-request-id"])
    assert (logged["status"], logged["error_code"]) == (status, code)
    assert logged["response_id"] == response["id"]
    assert logged["first_token_ms"] is not None


@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize(("fault", "status", "code"), BROKEN)
async def test_half_an_answer_is_no_body(
    speaker: Api, fault: str, status: int, code: str, store: bool
) -> None:
    reply = await speaker.create(something(f"one two [[{fault}:{AT}]] three four"), store=store)
    assert reply.status == status
    assert reply.error["code"] == code
    logged = await row(speaker, reply.headers["x-request-id"])
    assert (logged["status"], logged["error_code"]) == (status, code)
    if not store:
        assert logged["response_id"] is None
        return
    stored = (await speaker.get(f"/v1/responses/{logged['response_id']}")).body
    check_response(stored)
    assert stored["status"] == "failed"
    assert text_of(stored).startswith("You said: one")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "status", "code"), BROKEN)
async def test_what_breaks_before_it_begins_is_an_error(
    speaker: Api, fault: str, status: int, code: str, stream: bool
) -> None:
    said = something(f"[[{fault}:0]]")
    reply = await speaker.create(said, stream=stream)
    assert reply.status == status
    assert reply.error["code"] == code
    logged = await row(speaker, reply.headers["x-request-id"])
    assert (logged["status"], logged["error_code"]) == (status, code)
    assert logged["response_id"] is None


@pytest.mark.parametrize(("fault", "status", "code"), BROKEN)
async def test_nothing_broken_is_cached(
    speaker: Api, engine: FakeEngine, fault: str, status: int, code: str
) -> None:
    said = something(f"[[{fault}:{AT}]] [[words:20]]")
    for times in (1, 2):
        streamed = await speaker.stream(said, temperature=0)
        assert streamed.headers["X-Cache"] == "MISS"
        assert len(heard(engine, said)) == times
    refused = speaker.with_headers({"Cache-Control": "only-if-cached"})
    assert (await refused.create(said, temperature=0)).status == 504


async def test_who_read_along_is_told_the_same(speaker: Api, engine: FakeEngine) -> None:
    said = something("[[words:30]] [[delay:0.01]] [[break:20]]")
    streams = await asyncio.gather(*(speaker.stream(said, temperature=0) for _ in range(10)))
    for streamed in streams:
        check_events(streamed.events)
        assert streamed.response["status"] == "failed"
        assert streamed.response["error"]["code"] == "engine_broken"
    assert len({text_of(streamed.response) for streamed in streams}) == 1
    assert len(heard(engine, said)) == 1
    assert (await speaker.stream(said, temperature=0)).headers["X-Cache"] == "MISS"


async def test_a_failed_response_is_continued_from_what_had_come(
    speaker: Api, engine: FakeEngine
) -> None:
    said = something("one two three")
    broken = (await speaker.stream(f"{said} [[break:{AT}]]")).response
    after = await speaker.respond("Go on.", previous_response_id=broken["id"])
    assert after["previous_response_id"] == broken["id"]
    assert texts(heard(engine, said)[-1].body["input"]) == [
        f"user: {said} [[break:{AT}]]",
        f"assistant: {text_of(broken)}",
        "user: Go on.",
    ]


async def test_a_call_that_broke_off_is_kept_but_not_sent_again(
    speaker: Api, engine: FakeEngine
) -> None:
    said = something(f'[[call:f {{"a": "bcd"}}]] [[deltas:4]] [[break:{AT - 2}]]')
    broken = await speaker.stream(said)
    check_events(broken.events)
    (call,) = broken.response["output"]
    assert (call["type"], call["status"]) == ("function_call", "incomplete")
    await speaker.respond(something("Go on."), previous_response_id=broken.response["id"])
    body = heard(engine, said)[-1].body
    assert [item["type"] for item in body["input"]] == ["message", "message"]


async def test_a_refusal_that_broke_off_is_kept(speaker: Api) -> None:
    broken = await speaker.stream(something(f"I would rather not [[refuse]] [[break:{AT}]]"))
    check_events(broken.events)
    deltas = [e["delta"] for e in broken.events if e["type"] == "response.refusal.delta"]
    assert broken.response["output"][0]["content"] == [
        {"type": "refusal", "refusal": "".join(deltas)}
    ]


async def test_an_engine_that_names_no_item_breaks_off_as_well(speaker: Api) -> None:
    broken = await speaker.stream(something(f"[[bare]] [[words:20]] [[break:{AT}]]"))
    check_events(broken.events)
    assert len(text_of(broken.response).split()) == 3


async def test_what_the_engine_says_of_its_failure_is_passed_on(speaker: Api) -> None:
    streamed = await speaker.stream(something("[[failed]]"))
    check_events(streamed.events)
    assert streamed.response["error"] == {"code": "server_error", "message": "The model failed."}
    logged = await row(speaker, streamed.headers["x-request-id"])
    assert logged["error_code"] == "server_error"


async def test_many_break_at_once_and_none_is_lost(api: Api) -> None:
    streams = await asyncio.gather(
        *(api.stream(something(f"[[words:30]] [[break:{AT + n % 20}]]")) for n in range(60))
    )
    stored = await asyncio.gather(
        *(api.get(f"/v1/responses/{streamed.response['id']}") for streamed in streams)
    )
    assert [reply.body for reply in stored] == [streamed.response for streamed in streams]
    assert {reply.body["status"] for reply in stored} == {"failed"}


# The database


async def test_what_cannot_be_stored_is_not_called_completed(
    service: Service, speaker: Api, engine: FakeEngine
) -> None:
    said = something()
    async with connected(service.urls.owner) as conn, conn.transaction():
        await conn.execute("LOCK TABLE responses IN ACCESS EXCLUSIVE MODE")
        streamed = await speaker.stream(said, temperature=0)
        check_events(streamed.events)
        assert streamed.done
        assert "response.completed" not in streamed.types
        assert streamed.response["status"] == "failed"
        assert streamed.response["error"]["code"] == "storage_unavailable"
        reply = await speaker.create(said, temperature=0)
        assert reply.status == 503
        assert reply.error["code"] == "storage_unavailable"
        assert reply.headers["Retry-After"] == "1"
        whole = await speaker.create(said, store=False)
        assert whole.status == 200
    assert (await speaker.get(f"/v1/responses/{streamed.response['id']}")).status == 404
    logged = await row(speaker, streamed.headers["x-request-id"])
    assert (logged["status"], logged["error_code"]) == (503, "storage_unavailable")
    assert logged["response_id"] is None
    after = await speaker.create(said, temperature=0)
    assert after.headers["X-Cache"] == "MISS"
    assert (await speaker.get(f"/v1/responses/{after.body['id']}")).body == after.body


async def test_a_commit_waits_out_a_short_trouble(service: Service, speaker: Api) -> None:
    """A lock that lasts longer than a statement may, but not than the commit tries."""
    said = something("[[words:5]]")
    async with connected(service.urls.owner) as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute("LOCK TABLE responses IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(speaker.create(said))
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        waits += " AND relation = 'responses'::regclass"

        async def waited() -> bool:
            return bool(await conn.fetchval(waits))

        await eventually(waited)
        await transaction.rollback()
    reply = await asking
    assert reply.status == 200
    assert (await speaker.get(f"/v1/responses/{reply.body['id']}")).body == reply.body
