"""Facts that contradict each other: what holds, what held, and who may say otherwise."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.api import Api, Json, open_api
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.facts import NOON, SCOPES, Talk, fact, new_talk
from tests.support.rows import new_key
from tests.support.service import Service
from tests.support.two_workers import workers_config
from tests.support.worker import run_worker

ROME = fact("The user lives in Rome.", attribute="home city", value="Rome")
PARIS = fact("The user lives in Paris.", attribute="home city", value="Paris")
HOME = "Where does the user live?"


@pytest.fixture
async def talk(backstory: Service, api: Api, shared_engine: FakeEngine) -> Talk:
    made = await new_talk(backstory, api, shared_engine)
    made.contradict(ROME["text"], PARIS["text"])
    return made


async def test_a_contradiction_supersedes_and_the_past_can_be_asked(talk: Talk) -> None:
    await talk.say("I live in Rome.", ROME)
    said = await talk.say("By now I live in Paris.", PARIS, day=30)
    rome, paris = await talk.fact(ROME["text"]), await talk.fact(PARIS["text"])
    assert rome["superseded_by"] == paris["id"]
    assert rome["superseded_at"] is not None
    assert rome["valid_to"] == paris["valid_from"] == said["occurred_at"]
    assert (rome["version"], paris["superseded_at"]) == (2, None)
    assert await talk.recalled(HOME) == [PARIS["text"]]
    before = (NOON + timedelta(days=10)).isoformat()
    assert await talk.recalled(HOME, as_of=before) == [ROME["text"]]
    after = (NOON + timedelta(days=40)).isoformat()
    assert await talk.recalled(HOME, as_of=after) == [PARIS["text"]]
    assert (await talk.quality())["kept"] == {"stored": 1, "superseding": 1}


async def test_one_call_undoes_it_and_it_stays_undone(talk: Talk) -> None:
    await talk.say("I live in Rome.", ROME)
    await talk.say("By now I live in Paris.", PARIS, day=30)
    rome = await talk.fact(ROME["text"])
    undone = await talk.api.send("POST", f"/v1/memories/{rome['id']}/restore")
    assert undone.status == 200
    assert [undone.body[name] for name in ("superseded_at", "superseded_by", "valid_to")] == [
        None
    ] * 3
    assert set(await talk.current()) == {ROME["text"], PARIS["text"]}
    assert set(await talk.recalled(HOME)) == {ROME["text"], PARIS["text"]}
    again = await talk.api.send("POST", f"/v1/memories/{rome['id']}/restore")
    assert again.status == 409
    lyon = fact("The user lives in Lyon.", attribute="home city", value="Lyon")
    talk.contradict(ROME["text"], lyon["text"])
    await talk.say("Oh, I live in Lyon.", lyon, day=40)
    assert ROME["text"] in await talk.current()


async def test_what_comes_late_is_history(talk: Talk) -> None:
    await talk.say("By now I live in Paris.", PARIS, day=30)
    await talk.say("I live in Rome.", ROME)
    rome, paris = await talk.fact(ROME["text"]), await talk.fact(PARIS["text"])
    assert paris["superseded_at"] is None
    assert (rome["superseded_by"], rome["valid_to"]) == (paris["id"], paris["valid_from"])
    assert await talk.recalled(HOME) == [PARIS["text"]]
    before = (NOON + timedelta(days=10)).isoformat()
    assert await talk.recalled(HOME, as_of=before) == [ROME["text"]]


async def test_who_moves_back_lives_there_again(talk: Talk) -> None:
    await talk.say("I live in Rome.", ROME)
    await talk.say("By now I live in Paris.", PARIS, day=30)
    await talk.say("I live in Rome again.", ROME, day=60)
    assert await talk.current() == [ROME["text"]]
    assert len(await talk.facts()) == 3


async def test_within_one_batch_the_later_message_counts(talk: Talk) -> None:
    await talk.say_all([("I lived in Rome.", ROME), ("Now I live in Paris.", PARIS)])
    assert await talk.current() == [PARIS["text"]]
    assert len(await talk.facts()) == 2


JAZZ = fact("The user likes jazz music.", attribute="taste")
ROCK = fact("The user likes rock music.", attribute="taste")
CHESS = fact("The user plays chess in a club.", attribute="hobby")


async def test_facts_that_can_both_be_true_stay(talk: Talk) -> None:
    await talk.say("I like jazz music.", JAZZ)
    await talk.say("I like rock music.", ROCK, day=1)
    talk.contradict(ROCK["text"], CHESS["text"])
    await talk.say("I play chess in a club.", CHESS, day=2)  # contradicts, says the engine
    assert len(await talk.current()) == 3


async def test_an_engine_that_always_sees_contradictions_is_not_believed(talk: Talk) -> None:
    talk.contradict(JAZZ["text"], ROCK["text"])
    elsewhere = "Water freezes at zero degrees Celsius."
    talk.engine.facts.verdicts[ROCK["text"], elsewhere] = "contradicts"
    await talk.say("I like jazz music.", JAZZ)
    await talk.say("I like rock music.", ROCK, day=1)
    del talk.engine.facts.verdicts[ROCK["text"], elsewhere]
    assert len(await talk.current()) == 2


async def test_another_user_s_facts_are_not_touched(talk: Talk) -> None:
    await talk.say("I live in Rome.", ROME)
    other = Talk(talk.service, talk.project, talk.api, talk.engine)
    await other.say("By now I live in Paris.", PARIS, day=30)
    assert await talk.current() == [ROME["text"]]
    assert await other.current() == [PARIS["text"]]


async def test_a_fact_goes_with_its_only_source_and_what_it_superseded_holds_again(
    talk: Talk,
) -> None:
    await talk.say("I live in Rome.", ROME)
    said = await talk.say("By now I live in Paris.", PARIS, day=30)
    reply = await talk.api.delete(f"/v1/memories/{said['id']}")
    assert reply.body["forgotten"]["facts"] == 1
    assert await talk.texts() == [ROME["text"]]
    rome = await talk.fact(ROME["text"])
    assert (rome["superseded_at"], rome["valid_to"]) == (None, None)
    assert await talk.recalled(HOME) == [ROME["text"]]


async def test_what_is_in_between_goes_and_the_rest_stays_in_order(talk: Talk) -> None:
    lyon = fact("The user lives in Lyon.", attribute="home city", value="Lyon")
    talk.contradict(PARIS["text"], lyon["text"])
    await talk.say("I live in Rome.", ROME)
    paris = await talk.say("By now I live in Paris.", PARIS, day=30)
    await talk.say("By now I live in Lyon.", lyon, day=60)
    await talk.api.delete(f"/v1/memories/{paris['id']}")
    assert await talk.current() == [lyon["text"]]
    rome = await talk.fact(ROME["text"])
    assert rome["superseded_by"] == (await talk.fact(lyon["text"]))["id"]


async def test_a_fact_with_another_source_is_derived_again(talk: Talk) -> None:
    first = await talk.say("I live in Rome.", ROME)
    second = await talk.say("As I said, I live in Rome.", ROME, day=3)
    (before,) = await talk.facts()
    assert len(before["sources"]) == 2
    await talk.api.delete(f"/v1/memories/{first['id']}")
    await eventually(talk.texts)
    await talk.read()
    (after,) = await talk.facts()
    assert after["id"] != before["id"]
    assert [source["id"] for source in after["sources"]] == [second["id"]]
    assert after["confidence"] < before["confidence"]


async def test_a_fact_that_was_forgotten_is_not_read_again_from_the_same_message(
    talk: Talk,
) -> None:
    said = await talk.say("I live in Rome.", ROME)
    (found,) = await talk.facts()
    assert (await talk.api.delete(f"/v1/memories/{found['id']}")).body["forgotten"]["facts"] == 1
    again = "I live in Rome, near the river."
    talk.engine.facts.told[again] = [ROME]
    await talk.api.send("PATCH", f"/v1/memories/{said['id']}", {"content": again})
    given = await talk.api.send("POST", "/v1/memories/extract", {})
    assert given.body["messages"] == 1
    await talk.read()
    assert await talk.texts() == []
    assert (await talk.quality())["refused"] == {"forgotten": 1}
    await talk.say("As I said, I live in Rome.", ROME, day=3)
    assert await talk.texts() == [ROME["text"]]


async def test_two_workers_make_one_of_what_both_are_told(
    talk: Talk, backstory: Service, api: Api
) -> None:
    """Twelve messages that all say the same, read by two workers of several calls at once."""
    config = workers_config(backstory.config)
    async with run_worker(backstory.urls, config) as worker, open_api(worker.service) as second:
        key = await new_key(backstory, *SCOPES, project=talk.project)
        speakers = [talk.api, second.with_key(key).with_headers(talk.api.headers)]

        async def say(number: int) -> Json:
            text = f"For the {number}th time, I live in Rome."
            talk.engine.facts.told[text] = [ROME]
            at = (NOON + timedelta(minutes=number)).isoformat()
            body = {"kind": "message", "content": text, "occurred_at": at}
            episode = {"episode": f"e{number}", "conversation": None}
            reply = await speakers[number % 2].send("POST", "/v1/memories", body | episode)
            assert reply.status == 200, reply.raw
            said: Json = reply.body
            return said

        said = await asyncio.gather(*map(say, range(12)))
        await talk.read()
    (found,) = await talk.facts()
    assert {source["id"] for source in found["sources"]} == {one["id"] for one in said}
    assert found["superseded_at"] is None
