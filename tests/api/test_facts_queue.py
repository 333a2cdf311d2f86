"""The queue of messages that are read for facts: gathered, bounded, seen, and never stuck."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, Json, open_api
from tests.support.engine import FakeEngine, Received
from tests.support.eventually import eventually
from tests.support.facts import Talk, fact, new_talk
from tests.support.heard import heard, something
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected
from tests.support.service import Service, run_service

ServiceOf = Callable[..., AbstractAsyncContextManager[Service]]
PORTO = fact("The user lives in Porto.", attribute="home city", value="Porto")


@pytest.fixture
async def talk(backstory: Service, api: Api, shared_engine: FakeEngine) -> Talk:
    return await new_talk(backstory, api, shared_engine)


async def test_what_cannot_be_read_fails_is_seen_and_tried_again(talk: Talk) -> None:
    said = something("I live in Porto, near")
    talk.engine.facts.told[said] = "I'm sorry, I cannot do that."
    body = {"kind": "message", "content": said}
    assert (await talk.api.send("POST", "/v1/memories", body)).status == 200

    async def failed() -> list[Json]:
        await _end_delays(talk)
        found: list[Json] = (await talk.jobs())["failed"]
        return found

    (job,) = await eventually(failed, seconds=60)
    assert (job["topic"], job["attempts"]) == ("extract_facts", 4)
    assert job["error"].endswith("The engine's answer (28 characters) has no list of facts.")
    assert len(heard(talk.engine, said)) == 4
    assert await talk.texts() == []
    talk.engine.facts.told[said] = [PORTO]
    assert (await talk.api.send("POST", "/v1/jobs/retry")).body["count"] == 1
    await talk.read()
    assert await talk.texts() == [PORTO["text"]]


async def _end_delays(talk: Talk) -> None:
    async with connected(talk.service.urls.owner) as conn:
        await conn.execute(
            "UPDATE outbox SET run_at = now() WHERE project_id = $1 AND error IS NOT NULL "
            "AND run_at < now() + interval '20 seconds'",
            talk.project,
        )


ANSWERS = {
    "fenced": 'Here they are:\n```json\n{"facts": [%s]}\n```\nAnything else?',
    "thinking": '<think>{"facts": [1]}</think> {"facts": [%s]}',
    "a bare list": "[%s]",
    "cut off": '{"facts": [%s, {"text": "The user lives in Gh',
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_what_stands_round_the_facts_is_passed_over(talk: Talk, answer: str) -> None:
    told = msgspec.json.encode({**PORTO, "messages": [1]}).decode()
    text = something("I live in Porto, near")
    talk.engine.facts.told[text] = answer % told
    await talk.say(text)
    assert await talk.texts() == [PORTO["text"]]


async def test_an_engine_without_schemas_is_asked_without(
    service_of: ServiceOf, fake_engine: FakeEngine
) -> None:
    fake_engine.facts.refuses_schemas = True
    async with service_of(engine_url=fake_engine.url) as service, open_api(service) as api:
        talk = await new_talk(service, api, fake_engine)
        await talk.say("I live in Porto.", PORTO)
        await talk.say("I keep bees.", fact("The user keeps bees."))
        assert await talk.texts() == [PORTO["text"], "The user keeps bees."]
    formats = [bool(call.body.get("text")) for call in fake_engine.received]
    assert formats == [True, False, False]


async def test_an_engine_that_knows_only_chats_is_held_to_the_schema(
    service_of: ServiceOf, fake_engine: FakeEngine
) -> None:
    async with (
        service_of(engine_url=fake_engine.url, engine_kind="chat") as service,
        open_api(service) as api,
    ):
        talk = await new_talk(service, api, fake_engine)
        await talk.say("I live in Porto.", PORTO)
        assert await talk.texts() == [PORTO["text"]]
    asked = fake_engine.last.body["response_format"]
    assert (asked["type"], asked["json_schema"]["strict"]) == ("json_schema", True)


async def test_messages_are_gathered(service_of: ServiceOf, shared_engine: FakeEngine) -> None:
    """Those of one conversation wait for each other; so many as fit are read at once."""
    async with (
        service_of(facts_wait_seconds=600.0, facts_messages_max=4) as service,
        open_api(service) as api,
    ):
        talk = await new_talk(service, api, shared_engine)
        word = something()
        for number in range(5):
            body = {"kind": "message", "content": f"Message {number} of {word}."}
            assert (await talk.api.send("POST", "/v1/memories", body)).status == 200

        async def read() -> list[Received]:
            return heard(shared_engine, word)

        (call,) = await eventually(read, seconds=60)
        assert [message["number"] for message in _messages(call)] == [1, 2, 3, 4]
        waiting = {q["topic"]: q["waiting"] for q in (await talk.jobs())["queues"]}
        assert waiting["extract_facts"] in (1, 2)


async def test_long_messages_are_read_piece_by_piece(
    service_of: ServiceOf, shared_engine: FakeEngine
) -> None:
    async with service_of(facts_prompt_chars_max=3_000) as service, open_api(service) as api:
        talk = await new_talk(service, api, shared_engine)
        word = something("I keep bees in the garden of")
        await talk.say(f"{word}. " * 150)
        calls = heard(shared_engine, word)
        told = [message["text"] for call in calls for message in _messages(call)]
        assert len(calls) >= 3
        assert sum(text.count(f"{word}.") for text in told) == 150


def _messages(call: Received) -> list[Json]:
    quoted = call.body["input"][0]["content"][0]["text"]
    found: list[Json] = msgspec.json.decode(quoted)["messages"]
    return found


@pytest.fixture
def service_of(postgres: EmbeddedPostgres, backstory: Service) -> ServiceOf:
    """A service with limits of its own, on a database where no other works off the queue."""

    @asynccontextmanager
    async def serve(**settings: Any) -> AsyncIterator[Service]:
        config = msgspec.structs.replace(backstory.config, **settings)
        with fresh_database(postgres) as urls:
            async with run_service(urls, config) as service:
                yield service

    return serve
