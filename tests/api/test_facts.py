"""Facts: what messages tell, kept only where they bear it out."""

from collections import Counter

import msgspec
import pytest

from tests.support.api import MODEL, Api, Json
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.facts import NOON, Talk, fact, new_talk
from tests.support.heard import heard, something
from tests.support.service import Service

PORTO = fact("The user lives in Porto.", attribute="home city", value="Porto", entities=["Porto"])


@pytest.fixture
async def talk(backstory: Service, api: Api, shared_engine: FakeEngine) -> Talk:
    return await new_talk(backstory, api, shared_engine)


async def test_a_message_becomes_a_fact(talk: Talk) -> None:
    said = await talk.say("Hi! I moved to Porto in 2019 and I love it.", {**PORTO, "since": "2019"})
    (found,) = await talk.facts()
    assert found["content"] == "The user lives in Porto."
    assert (found["kind"], found["subject"], found["attribute"]) == (
        "fact",
        "The user",
        "home city",
    )
    assert found["entities"] == ["Porto"]
    assert found["sources"] == [{"type": "memory", "id": said["id"], "external_id": None}]
    assert found["trust"] == "application"
    assert found["occurred_at"] == said["occurred_at"]
    assert found["valid_from"].startswith("2019-01-01")
    assert found["valid_to"] is None
    assert 0.6 < found["confidence"] < 0.9
    assert found["confidence_reason"].startswith("Said once; 100% of its words were said")
    assert await talk.recalled("Where does the user live?") == ["The user lives in Porto."]
    quality = await talk.quality()
    assert (quality["messages"], quality["kept"], quality["refused"]) == (1, {"stored": 1}, {})


async def test_a_turn_becomes_facts_and_the_answer_does_not(talk: Talk) -> None:
    word = something("My cat is called")
    talk.engine.facts.told[word] = [fact(f"The user's cat is called {word.split()[-1]}.")]
    await talk.api.respond(f"{word}")
    await eventually(talk.texts)
    call = heard(talk.engine, word)[-1].body
    assert "data" in call["instructions"]
    assert call["text"]["format"]["strict"] is True
    (message,) = msgspec.json.decode(call["input"][0]["content"][0]["text"])["messages"]
    assert message["text"] == word
    (found,) = await talk.facts()
    assert found["trust"] == "user"

    async def logged() -> Json | None:
        lines = (await talk.api.get("/v1/requests")).body["data"]
        return next((line for line in lines if line["purpose"] == "extract_facts"), None)

    line = await eventually(logged)
    assert line
    assert line["input_tokens"] > 0


REFUSED = [
    ("I met a friend.", fact("The user met Barbara Streisand."), "name"),
    ("I have two kids.", fact("The user has 3 kids."), "number"),
    ("I have two daughters, and they keep me busy.", fact("The user has two dogs."), "words"),
    ("I don't like coffee at all.", fact("The user likes coffee."), "negation"),
    ("I like tea.", fact("The user does not like tea."), "negation"),
    ("I like tea with honey.", fact("The user likes whisky with honey and lemon."), "words"),
    ("I hate Bergen.", fact("The user lives in Bergen."), "words"),
    ("I work as a nurse.", fact("The user hates working as a nurse at night."), "words"),
    ("My favourite colour is teal.", fact("The user's favourite car is teal."), "words"),
    ("The painting is old.", fact("Melanie painted her sister.", "Melanie"), "other_subject"),
    ("Do I live in Ghent?", fact("The user lives in Ghent."), "question"),
    ("I might move to Oslo.", fact("The user moves to Oslo."), "uncertain"),
    ("My sister lives in Turin.", fact("The user lives in Turin."), "other_subject"),
    ("I come from Sweden, and I miss it.", fact("The user comes to Sweden."), "name"),
    ("I am so tired today.", fact("The user is tired.", lasting=False), "passing"),
    ("Hello there, friend!", fact("The user said hello."), "small_talk"),
    ("I play the piano.", fact("I play the piano."), "not_standalone"),
    ("I play chess.", fact("The user plays chess.", messages=[99]), "no_source"),
    ("You are a helpful assistant.", fact("The assistant is helpful.", "AI"), "about_assistant"),
    ("The bank opens at nine.", {"text": "The bank opens at nine."}, "malformed"),
    ("I keep bees.", fact("The user keeps bees. " * 20), "too_long"),
]


async def test_what_was_not_said_is_refused(talk: Talk) -> None:
    await talk.say_all([(text, told) for text, told, _ in REFUSED])
    assert await talk.texts() == []
    quality = await talk.quality()
    assert quality["refused"] == Counter(reason for *_, reason in REFUSED)
    assert (quality["messages"], quality["proposed"]) == (len(REFUSED), len(REFUSED))


KEPT = [
    ("Well, I'm a vegetarian, you know.", fact("The user is a vegetarian.")),
    ("My sister Ana lives in Turin!", fact("Ana lives in Turin.", "Ana")),
    ("I have two kids, they keep me busy.", fact("The user has 2 kids.")),
    ("I never eat fish.", fact("The user does not eat fish.")),
    ("We bought a house in Leeds last year.", fact("The user bought a house in Leeds in 2022.")),
    ("Always answer me in French, please.", fact("The user wants answers in French.")),
    ("Yo vivo en Sevilla.", fact("El usuario vivo en Sevilla.", "El usuario")),
    ("I went to a support group yesterday and it was so powerful.",
     fact("The user went to a support group on 7 May 2023.", since="2023-05-07")),
    ("Researching adoption agencies, it's been a dream to give a home to kids who need it.",
     fact("The user is researching adoption agencies.")),
    ("Yeah, I painted that lake sunrise! It's special to me.",
     fact("The user painted a lake sunrise.")),
    ("I got a promotion, I'm head of data now.", fact("The user is head of data.")),
    ("This is a gift from my grandma in my home country, Sweden.",
     fact("The user's home country is Sweden.")),
    ("I've known these friends for 4 years, since I moved here.",
     fact("The user has known these friends for 4 years.")),
    ("we adopted a puppy, his name is Toby", fact("The user adopted a puppy named Toby.")),
    ("I work as a nurse at St. Mary's.", fact("The user works as a nurse at St. Mary's.")),
    ("I'm allergic to peanuts so careful.", fact("The user is allergic to peanuts.")),
]  # fmt: skip


async def test_what_was_said_is_kept(talk: Talk) -> None:
    await talk.say_all(KEPT)
    assert (await talk.quality())["refused"] == {}
    assert sorted(await talk.texts()) == sorted(told["text"] for _, told in KEPT)
    dated = await talk.fact("The user went to a support group on 7 May 2023.")
    assert dated["valid_from"] == "2023-05-07T00:00:00Z"


async def test_speakers_are_called_by_their_names(talk: Talk) -> None:
    caroline = fact("Caroline paints landscapes.", "Caroline")
    nobody = fact("The user paints landscapes.")
    await talk.say("I paint landscapes.", caroline, nobody, speaker="Caroline")
    assert await talk.texts() == ["Caroline paints landscapes."]
    assert (await talk.quality())["refused"] == {"other_subject": 1}


async def test_what_assistants_say_and_what_was_recalled_is_not_read(talk: Talk) -> None:
    word = something("secret")
    await talk.say(f"The {word} is here.", speaker="assistant")
    await talk.say(f"<memories>\n[2023-01-02 10:00] user: {word}\n</memories>\nGood day.")
    calls = heard(talk.engine, word)
    assert calls == []
    assert heard(talk.engine, "Good day.")


async def test_off_is_the_default_and_what_was_said_can_be_read_later(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    talk = await new_talk(backstory, api, shared_engine, facts="off")
    word = something("I live in Porto, near")
    await talk.say(word, PORTO)
    assert heard(talk.engine, word) == []
    refused = await talk.api.send("POST", "/v1/memories/extract")
    assert (refused.status, refused.error["code"]) == (409, "facts_off")
    await talk.set(facts="engine", facts_model=MODEL)

    async def given() -> Json | None:
        reply = await talk.api.send("POST", "/v1/memories/extract")
        return reply.body if reply.status == 202 else None

    first = await eventually(given)
    assert first == {"object": "memory.extraction", "messages": 1, "more": False}
    await talk.read()
    assert await talk.texts() == [PORTO["text"]]
    assert (await given() or {})["messages"] == 0


async def test_the_same_said_again_strengthens(talk: Talk) -> None:
    first = await talk.say("I live in Porto.", PORTO)
    (before,) = await talk.facts()
    again = await talk.say("As I said, I live in Porto by now.", PORTO, day=3)
    reworded = fact("The user resides in Porto.", attribute="residence", value="Porto")
    third = await talk.say("I do reside in Porto.", reworded, day=4)
    (found,) = await talk.facts()
    assert found["content"] == "The user lives in Porto."
    assert {source["id"] for source in found["sources"]} == {m["id"] for m in (first, again, third)}
    assert before["confidence"] < found["confidence"] < 1
    assert found["confidence_reason"].startswith("Said 3 times; ")
    assert (await talk.quality())["kept"] == {"stored": 1, "strengthened": 2}
    assert found["valid_from"] == NOON.isoformat().replace("+00:00", "Z")
