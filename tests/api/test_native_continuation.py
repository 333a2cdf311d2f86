"""The engine goes on from its own responses, where it may; the whole context is never far."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.config import Config, read_config
from app.db.embedded import EmbeddedPostgres
from app.errors import StartError
from tests.support.api import Api, Json, message, open_api, text_of
from tests.support.engine import FakeEngine, run_fake_engine
from tests.support.eventually import eventually
from tests.support.heard import heard, something, texts
from tests.support.keys import made_key, made_project, tables_of
from tests.support.memories import remember
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected
from tests.support.service import Service, run_service


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[FakeEngine]:
    async with run_fake_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
async def service(
    postgres: EmbeddedPostgres, engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    config = Config(
        data_dir=tmp_path_factory.mktemp("native"),
        engine_url=engine.url,
        engine_api_key=engine.key,
        engine_continuation="native",
        engine_breaker_open_seconds=0.1,
        outbox_poll_seconds=0.05,
        recall_timeout_seconds=5,
        principal_ttl_seconds=0.5,
        erasure_sweep_seconds=0.2,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


@pytest.fixture
async def api(service: Service) -> AsyncIterator[Api]:
    async with open_api(service) as api:
        yield api


def asked(engine: FakeEngine, said: str) -> list[Json]:
    """The bodies of the calls whose last item says this."""
    return [call.body for call in heard(engine, said) if said in str(call.body["input"][-1])]


def said_in(body: Json) -> list[str]:
    return texts(body["input"])


async def test_what_is_continued_is_sent_alone(api: Api, engine: FakeEngine) -> None:
    first, second, third = something("one"), something("two"), something("three")
    one = await api.respond(first)
    two = await api.respond(second, previous_response_id=one["id"])
    await api.respond(third, previous_response_id=two["id"])
    (begun,), (continued,), (again,) = (asked(engine, said) for said in (first, second, third))
    assert begun["store"] is continued["store"] is again["store"] is True
    assert "previous_response_id" not in begun
    assert said_in(continued) == [f"user: {second}"]
    assert said_in(again) == [f"user: {third}"]
    assert again["previous_response_id"] != continued["previous_response_id"]
    assert continued["previous_response_id"] != one["id"]


async def test_calls_are_answered_alone(api: Api, engine: FakeEngine) -> None:
    said = something('[[call:f {"a": 1}]]')
    called = await api.respond(said)
    (call,) = called["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": something()}
    answer = await api.respond([output], previous_response_id=called["id"])
    assert text_of(answer) == f"The tool said: {output['output']}"
    (body,) = asked(engine, output["output"])
    assert [item["type"] for item in body["input"]] == ["function_call_output"]


async def test_a_conversation_is_continued(api: Api, engine: FakeEngine) -> None:
    conversation = (await api.send("POST", "/v1/conversations", {})).body["id"]
    first, second = something("one"), something("two")
    await api.respond(first, conversation=conversation)
    await api.respond(second, conversation=conversation)
    assert said_in(asked(engine, second)[0]) == [f"user: {second}"]


async def test_an_engine_that_was_started_again_gets_it_all(api: Api, engine: FakeEngine) -> None:
    first, second, third = something("one"), something("two"), something("three")
    one = await api.respond(first)
    engine.forget()
    two = await api.respond(second, previous_response_id=one["id"])
    refused, whole = asked(engine, second)
    assert "previous_response_id" in refused
    assert "previous_response_id" not in whole
    assert said_in(whole) == [f"user: {first}", f"assistant: You said: {first}", f"user: {second}"]
    await api.respond(third, previous_response_id=two["id"])
    assert said_in(asked(engine, third)[0]) == [f"user: {third}"]


async def test_a_fork_is_sent_whole_and_then_continued(api: Api, engine: FakeEngine) -> None:
    first = something("one")
    one = await api.respond(first)
    await api.respond(something("main"), previous_response_id=one["id"])
    fork, after = something("fork"), something("after")
    forked = await api.respond(fork, previous_response_id=one["id"])
    (whole,) = asked(engine, fork)
    assert "previous_response_id" not in whole
    assert len(whole["input"]) == 3
    await api.respond(after, previous_response_id=forked["id"])
    assert said_in(asked(engine, after)[0]) == [f"user: {after}"]


async def test_two_forks_at_once_both_get_their_answer(api: Api, engine: FakeEngine) -> None:
    one = await api.respond(something("one"))
    said = [something("left"), something("right")]
    answers = await asyncio.gather(
        *(api.respond(text, previous_response_id=one["id"]) for text in said)
    )
    assert [text_of(answer) for answer in answers] == [f"You said: {text}" for text in said]


@pytest.mark.parametrize("fault", ["[[break:6]]", "[[failed]]"])
async def test_what_broke_off_is_sent_whole(api: Api, engine: FakeEngine, fault: str) -> None:
    broken = (await api.stream(something(f"one two three {fault}"))).response
    assert broken["status"] == "failed"
    said = something("after")
    await api.respond(said, previous_response_id=broken["id"])
    (body,) = asked(engine, said)
    assert "previous_response_id" not in body
    assert len(body["input"]) > 1


async def test_nothing_is_kept_there_that_is_not_kept_here(api: Api, engine: FakeEngine) -> None:
    first, second = something("one"), something("two")
    one = await api.respond(first)
    await api.respond(second, previous_response_id=one["id"], store=False)
    (body,) = asked(engine, second)
    assert body["store"] is False
    assert len(body["input"]) == 3


async def test_a_client_that_sends_its_whole_history_has_nothing_kept_there(
    api: Api, engine: FakeEngine
) -> None:
    said = something("one")
    await api.respond([message("Hi"), message("Hello", "assistant"), message(said)])
    assert asked(engine, said)[0]["store"] is False


async def test_recalled_memories_are_not_kept_there(api: Api, engine: FakeEngine) -> None:
    user = api.as_user(something("user"))
    await remember(user, "My cat is called Pepper.")
    one = await user.respond(something("Hello"), memory=False)
    second, third = something("What is my cat called?"), something("And now?")
    anything = {"recall": {"min_score": 0}}
    two = await user.respond(second, previous_response_id=one["id"], memory=anything)
    assert two["recalled"]
    (body,) = asked(engine, second)
    assert body["store"] is False
    assert "Pepper" in str(body["input"])
    assert "previous_response_id" not in body
    await user.respond(third, previous_response_id=two["id"])
    (after,) = asked(engine, third)
    assert "Pepper" not in str(after["input"])
    assert (after["store"], len(after["input"])) == (True, 5)


async def kept_by(service: Service) -> int:
    async with connected(service.urls.owner) as conn:
        return int(await conn.fetchval("SELECT count(*) FROM engine_responses"))


async def test_what_is_deleted_is_deleted_there(
    service: Service, api: Api, engine: FakeEngine
) -> None:
    before, rows = set(engine.kept), await kept_by(service)
    first, second, third = something("one"), something("two"), something("three")
    one = await api.respond(first)
    two = await api.respond(second, previous_response_id=one["id"])
    assert len(engine.kept - before) == 2
    engine.outage = 503
    assert (await api.delete(f"/v1/responses/{one['id']}")).status == 200
    assert await kept_by(service) == rows
    engine.outage = None

    async def gone() -> bool:
        return engine.kept == before

    await eventually(gone)
    await api.respond(third, previous_response_id=two["id"])
    (body,) = asked(engine, third)
    assert said_in(body) == [f"user: {second}", f"assistant: You said: {second}", f"user: {third}"]


async def test_what_a_deleted_project_had_there_is_deleted(
    service: Service, api: Api, engine: FakeEngine
) -> None:
    """With the project's own key of it, which stays until that is done."""
    before, root = set(engine.kept), api.with_key(service.admin_key)
    project = await made_project(root)
    theirs = api.with_key((await made_key(root, "engine", "admin", project=project))["key"])
    engine.keys.add("sk-theirs")
    put = await theirs.send("PUT", "/v1/engine_key", {"api_key": "sk-theirs"})
    assert put.status == 200
    await theirs.as_user("ada").respond(something())
    await theirs.respond(something())
    assert len(engine.kept - before) == 2
    engine.outage = 503
    assert (await root.delete(f"/v1/projects/{project}")).status == 200

    async def left(tables: set[str]) -> bool:
        return await tables_of(service, project) == tables

    await eventually(lambda: left({"projects", "outbox", "engine_keys"}))
    engine.outage = None
    await eventually(lambda: left({"projects"}))
    assert engine.kept == before


async def test_what_is_gone_there_anyway_is_deleted(
    service: Service, api: Api, engine: FakeEngine
) -> None:
    one = await api.respond(something("one"))
    engine.forget()
    await api.delete(f"/v1/responses/{one['id']}")

    async def done() -> bool:
        async with connected(service.urls.owner) as conn:
            return not await conn.fetchval("SELECT count(*) FROM outbox WHERE topic ~ 'engine'")

    await eventually(done)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"BACKSTORY_ENGINE_URL": "http://x", "BACKSTORY_ENGINE_KIND": "chat"},
    ],
)
def test_only_engines_that_keep_responses_can_be_asked_to(environ: dict[str, Any]) -> None:
    with pytest.raises(StartError, match="keeps no responses"):
        read_config(environ | {"BACKSTORY_ENGINE_CONTINUATION": "native"})
