"""Summaries of conversations and episodes: with and without an engine, rolling on, made anew."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from tests.api.test_gateway_settings import Project
from tests.support.api import Api, Json, message, open_api
from tests.support.conversations import add, fork, new_conversation
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.leftovers import rows_of_user
from tests.support.memories import recalled, remember, somebody
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected, count, new_key, new_project, tables_with
from tests.support.service import Service, run_service
from tests.support.summaries import holding, none_waits, summaries, summarize

TALK = [
    "We plan the garden party for Saturday in June.",
    "Grandmother will bring the strawberry cake to the garden party.",
    "The party needs chairs, and a tent if it rains on Saturday.",
    "Yesterday my bicycle was stolen at the station.",
    "So the garden party in June has cake, chairs and a tent.",
]
ENGINE = {"method": "engine", "model": "test-model"}


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    return api.as_user(me)


@pytest.fixture
async def project(backstory: Service, api: Api) -> Project:
    made = await new_project(backstory)
    scopes = ("engine", "usage:read", "memory:read", "memory:write", "settings")
    return Project(api.with_key(await new_key(backstory, *scopes, project=made)))


def said(*texts: str) -> list[Json]:
    return [message(text, ("user", "assistant")[n % 2]) for n, text in enumerate(texts)]


async def talk(api: Api, *texts: str) -> str:
    return await new_conversation(api, items=said(*texts))


def sources(memory: Json) -> set[str]:
    return {source["id"].partition("_")[2] for source in memory["sources"]}


def digits(*ids: str) -> set[str]:
    return {text.partition("_")[2] for text in ids}


async def items_of(api: Api, conversation: str) -> list[str]:
    """Ids, the oldest first."""
    path = f"/v1/conversations/{conversation}/items?order=asc&limit=100"
    return [item["id"] for item in (await api.get(path)).body["data"]]


# Without an engine


async def test_an_extract_is_of_sentences_that_were_said(mine: Api, me: str) -> None:
    conversation = await talk(mine, *TALK)
    answer = await summarize(mine, conversation)
    memory = answer["memory"]
    assert (answer["method"], answer["messages"], answer["has_more"]) == ("extract", 5, False)
    assert (memory["kind"], memory["conversation"], memory["user"]) == ("summary", conversation, me)
    assert memory["trust"] == "assistant"
    assert sources(memory) == digits(*await items_of(mine, conversation))
    lines = memory["content"].splitlines()
    assert 1 <= len(lines) < len(TALK)
    assert all(line.partition(": ")[2] in TALK for line in lines)
    assert "garden party" in memory["content"]
    assert "bicycle" not in memory["content"]
    assert await recalled(mine, "garden party", filter={"kinds": ["summary"]}) == [
        memory["content"]
    ]
    assert await summarize(mine, conversation) == answer


async def test_it_rolls_on_with_what_is_new(mine: Api, me: str) -> None:
    conversation = await talk(mine, *TALK)
    first = (await summarize(mine, conversation))["memory"]
    old = await items_of(mine, conversation)
    await add(mine, conversation, message("The garden party is moved to Sunday, says aunt Mary."))
    answer = await summarize(mine, conversation)
    second = answer["memory"]
    new = set(await items_of(mine, conversation)) - set(old)
    assert answer["messages"] == 6
    assert sources(second) == digits(first["id"], *new)
    before = (await mine.get(f"/v1/memories/{first['id']}")).body
    assert before["superseded_by"] == second["id"]
    assert before["valid_to"] == second["occurred_at"]
    assert [one["id"] for one in await holding(mine, me)] == [second["id"]]


async def test_a_long_talk_is_summarised_in_steps(mine: Api, me: str) -> None:
    conversation = await new_conversation(mine)
    for start in range(0, 60, 20):
        texts = [f"{n} The bees of hive {n}. " + "They fly on. " * 200 for n in range(20)]
        await add(mine, conversation, *said(*texts[start % 20 :]))
    answer = await summarize(mine, conversation)
    assert (answer["messages"], answer["has_more"]) == (60, False)
    assert len(answer["memory"]["content"]) <= 500 * 4 + 40 * 60
    assert len(await summaries(mine, me)) > 1
    assert len(await holding(mine, me)) == 1


async def test_a_talk_of_which_nothing_is_remembered_has_no_summary(mine: Api) -> None:
    answer = await summarize(mine, await new_conversation(mine))
    assert answer == {
        "object": "summary",
        "memory": None,
        "method": None,
        "model": None,
        "messages": 0,
        "has_more": False,
    }


async def test_a_fork_has_a_summary_of_all_that_led_to_it(mine: Api, me: str) -> None:
    conversation = await talk(mine, *TALK)
    await summarize(mine, conversation)
    branch = await fork(mine, conversation)
    await add(mine, branch, message("In the fork we cancel the garden party."))
    answer = await summarize(mine, branch)
    assert answer["messages"] == len(TALK) + 1
    assert sources(answer["memory"]) == digits(*await items_of(mine, branch))
    assert len(await holding(mine, me)) == 2


async def test_twenty_at_once_make_one(mine: Api, me: str) -> None:
    conversation = await talk(mine, *TALK)
    answers = await asyncio.gather(*(summarize(mine, conversation) for _ in range(20)))
    assert len({answer["memory"]["id"] for answer in answers}) == 1
    assert len(await summaries(mine, me)) == 1


async def test_an_episode_is_summarised(mine: Api, me: str) -> None:
    made = await remember(mine, *TALK, episode="party", kind="message", speaker="Ada")
    await remember(mine, "Another day, another garden party.", episode="other", kind="message")
    reply = await mine.send("POST", "/v1/memories/summarize", {"episode": "party"})
    memory = reply.body["memory"]
    assert (memory["episode"], memory["conversation"]) == ("party", None)
    assert sources(memory) == digits(*(one["id"] for one in made))
    assert "Ada: " in memory["content"]
    await mine.delete(f"/v1/memories/{made[0]['id']}")

    async def again() -> bool:
        found = await holding(mine, me)
        return [sources(one) for one in found] == [digits(*(one["id"] for one in made[1:]))]

    await eventually(again)


# By the engine


async def test_the_engine_goes_on_from_the_summary_before(
    project: Project, shared_engine: FakeEngine
) -> None:
    word, later = something("Bees"), something("Wasps")
    conversation = await talk(project.api, f"{word} fact-bees", "I see.")
    answer = await summarize(project.api, conversation, **ENGINE)
    assert answer["memory"]["content"] == "They spoke of fact-bees."
    assert (answer["method"], answer["model"]) == ("engine", "test-model")
    assert f"user ({answer['memory']['occurred_at'][:10]}): {word}" in str(
        heard(shared_engine, word)[0].body
    )
    await add(project.api, conversation, message(f"{later} fact-wasps"))
    answer = await summarize(project.api, conversation, **ENGINE)
    assert answer["memory"]["content"] == "They spoke of fact-bees fact-wasps."
    asked = str(heard(shared_engine, later)[-1].body["input"])
    assert "<summary>\\nThey spoke of fact-bees.\\n</summary>" in asked
    assert word not in asked

    async def logged() -> bool:
        lines = (await project.api.get("/v1/requests")).body["data"]
        made = [line for line in lines if line["purpose"] == "summarize"]
        return [(line["model"], line["status"]) for line in made] == [("test-model", 200)] * 2

    await eventually(logged)


async def test_a_failing_engine_leaves_no_summary(mine: Api, me: str) -> None:
    conversation = await talk(mine, "The party is on Saturday.")
    path = f"/v1/conversations/{conversation}/summarize"
    reply = await mine.send("POST", path, {"method": "engine", "model": "unknown-model"})
    assert reply.error["code"] == "model_not_found"
    assert await summaries(mine, me) == []
    assert (await summarize(mine, conversation))["method"] == "extract"


async def test_the_settings_say_how_and_when(
    project: Project, backstory: Service, shared_engine: FakeEngine
) -> None:
    await project.set({"summaries": "engine", "summarize_after": 200})
    api, me = project.api.as_user(somebody()), something("user")
    api = project.api.as_user(me)
    conversation = await new_conversation(api)
    await api.respond(f"Of bees. {'Buzz. ' * 20}", conversation=conversation, model="@oi/beta")
    await none_waits(backstory)
    assert await summaries(api, me) == []
    word = something()
    await api.respond(f"{word} fact-bees {'Buzz. ' * 200}", conversation=conversation)

    async def made() -> bool:
        return [one["content"] for one in await holding(api, me)] == ["They spoke of fact-bees."]

    await eventually(made)
    asked = [call.body for call in heard(shared_engine, word) if "<transcript>" in str(call.body)]
    assert [body["model"] for body in asked] == ["test-model"]


# Made anew


async def test_what_is_forgotten_is_in_no_summary(mine: Api, me: str, backstory: Service) -> None:
    secret = something("The garden party is secret")
    conversation = await talk(mine, TALK[0], TALK[1], f"{secret}.", TALK[4])
    first = (await summarize(mine, conversation))["memory"]
    await add(mine, conversation, message(TALK[2]))
    second = (await summarize(mine, conversation))["memory"]
    items = await items_of(mine, conversation)
    await mine.delete(f"/v1/conversations/{conversation}/items/{items[2]}")
    assert await tables_with(backstory, secret) == set()
    for gone in (first, second):
        assert (await mine.get(f"/v1/memories/{gone['id']}")).status == 404

    async def again() -> bool:
        found = await holding(mine, me)
        return [sources(one) for one in found] == [digits(*items[:2], *items[3:])]

    await eventually(again)


async def test_what_came_after_is_forgotten_alone(mine: Api, me: str) -> None:
    conversation = await talk(mine, *TALK)
    first = (await summarize(mine, conversation))["memory"]
    await add(mine, conversation, message("One more."), message("And another one."))
    await summarize(mine, conversation)
    items = await items_of(mine, conversation)
    await mine.delete(f"/v1/conversations/{conversation}/items/{items[-1]}")

    async def again() -> bool:
        found = await holding(mine, me)
        return [sources(one) for one in found] == [digits(first["id"], items[-2])]

    await eventually(again)


@pytest.fixture
async def patient(backstory: Service, postgres: EmbeddedPostgres) -> AsyncIterator[Service]:
    """A service that works on what it is woken for, and looks for nothing else."""
    config = msgspec.structs.replace(backstory.config, outbox_poll_seconds=600.0)
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


async def test_a_correction_is_in_the_summary_at_once(patient: Service, me: str) -> None:
    async with open_api(patient) as api:
        await correct(api.as_user(me), me)


async def correct(mine: Api, me: str) -> None:
    conversation = await talk(mine, "We meet in Ulm.")
    memory = (await summarize(mine, conversation))["memory"]
    assert "Ulm" in memory["content"]
    message_memory = f"mem_{next(iter(sources(memory)))}"
    changed = {"content": "We meet in Bonn."}
    assert (await mine.send("PATCH", f"/v1/memories/{message_memory}", changed)).status == 200
    assert (await mine.get(f"/v1/memories/{memory['id']}")).status == 404

    async def again() -> bool:
        found = await holding(mine, me)
        return ["Bonn" in one["content"] for one in found] == [True]

    await eventually(again)


async def test_nothing_is_left_of_a_conversation(mine: Api, me: str, backstory: Service) -> None:
    word = something("The garden party")
    conversation = await talk(mine, f"{word}.", "Yes.")
    await summarize(mine, conversation)
    reply = await mine.delete(f"/v1/conversations/{conversation}")
    assert reply.status == 200, reply.raw
    await none_waits(backstory)
    assert await summaries(mine, me) == []
    assert await tables_with(backstory, word) == set()


async def test_memories_forgotten_do_not_come_back_by_a_summary(mine: Api, me: str) -> None:
    conversation = await talk(mine, *TALK)
    await summarize(mine, conversation)
    assert (await mine.delete(f"/v1/users/{me}/memories")).status == 200
    assert (await summarize(mine, conversation))["memory"] is None


# Who may


async def test_a_conversation_of_another_is_none(api: Api, mine: Api) -> None:
    conversation = await talk(mine, *TALK)
    for other in (api.as_user(somebody()),):
        reply = await other.send("POST", f"/v1/conversations/{conversation}/summarize")
        assert reply.status == 404


async def test_it_needs_its_scopes(mine: Api, backstory: Service) -> None:
    conversation = await talk(mine, *TALK)
    path = f"/v1/conversations/{conversation}/summarize"
    reader = mine.with_key(await new_key(backstory, "memory:read", "engine"))
    assert (await reader.send("POST", path)).status == 403
    writer = mine.with_key(await new_key(backstory, "memory:write"))
    assert (await writer.send("POST", path, ENGINE)).status == 403
    assert (await writer.send("POST", path)).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/conversations/{}/summarize", {"method": "magic"}),
        ("/v1/conversations/{}/summarize", {"method": "engine"}),
        ("/v1/conversations/{}/summarize", {"length": 3}),
        ("/v1/memories/summarize", {}),
        ("/v1/memories/summarize", {"episode": ""}),
        ("/v1/memories/summarize", {"episode": "x", "conversation": "mine"}),
    ],
)
async def test_what_cannot_be_summarised_is_refused(mine: Api, path: str, body: Json) -> None:
    conversation = await talk(mine, "Hello there.")
    assert (await mine.send("POST", path.format(conversation), body)).status == 400


# Profiles by the engine


async def test_a_profile_is_summed_up_and_made_anew(project: Project, backstory: Service) -> None:
    await project.set({"profiles": "engine", "summary_model": "@oi/beta"})
    me = somebody()
    api = project.api.as_user(me)

    async def summary_is(text: str) -> None:
        async def told() -> bool:
            found: str | None = (await api.get(f"/v1/users/{me}/profile")).body["summary"]
            return found == text

        await eventually(told)

    await remember(api, "I live in Ulm [[say:Lives in Ulm]].", kind="message")
    await summary_is("Lives in Ulm")
    found = (await api.get(f"/v1/users/{me}/profile")).body
    assert found["context"].endswith("In short: Lives in Ulm")
    [first] = await summaries(api, me)
    [new] = await remember(api, "I live in Bonn [[say:Lives in Bonn]].", kind="message")
    assert (await api.get(f"/v1/users/{me}/profile")).body["summary"] is None
    await summary_is("Lives in Bonn")
    await api.delete(f"/v1/memories/{new['id']}")
    await none_waits(backstory)
    await summary_is("Lives in Ulm")
    assert first["conversation"] is None


ASKED = "SELECT count(*) FROM outbox WHERE subject_id = $1"
FAIL = "UPDATE outbox SET failed_at = now() - $2::interval WHERE subject_id = $1"
HOPELESS = ASKED + " AND failed_at IS NOT NULL"


async def test_a_profile_that_cannot_be_summed_up_is_tried_again_once_an_hour(
    project: Project, backstory: Service
) -> None:
    await project.set({"profiles": "engine", "summary_model": "unknown-model"})
    me = somebody()
    api = project.api.as_user(me)
    await remember(api, "I live in Ulm.", kind="message")
    path = f"/v1/users/{me}/profile"
    await api.get(path)
    user = (await rows_of_user(backstory, me)).user_id
    for ago, hopeless in (timedelta(), 1), (timedelta(hours=2), 0):
        async with connected(backstory.urls.owner) as conn:
            await conn.execute(FAIL, user, ago)
        for _ in range(3):
            assert (await api.get(path)).body["summary"] is None
        assert await count(backstory, ASKED, user) == 1
        assert await count(backstory, HOPELESS, user) == hopeless
