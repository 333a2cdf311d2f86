"""Recall over HTTP, with the real embedder: both arms, fused, filtered, explained, packed."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.recall.rank import K1, B
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.memories import embedded, recall, recalled, remember, somebody
from tests.support.service import Service

CONVERSATION = "conv_01a204d6d03e7136806b4ed9fc7bb852"
OTHER_CONVERSATION = "conv_01a204d6d03e7136806b4ed9fc7bb853"
START = datetime(2026, 5, 1, 9, tzinfo=UTC)

DEEP: list[Any] = []
for _ in range(100):
    DEEP = [DEEP]


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    return api.as_user(me)


# Both arms


async def test_words_find_at_once_what_was_remembered(mine: Api) -> None:
    await remember(mine, "The passport lies in the blue drawer.", "The cat sleeps.")
    assert (await recalled(mine, "passports"))[0] == "The passport lies in the blue drawer."


async def test_only_the_vector_finds(mine: Api, me: str, backstory: Service) -> None:
    """The query shares no word with it."""
    await remember(mine, "My dog is ill.", "Invoices are due on Friday.", "Rome was sunny.")
    await embedded(backstory, me, 3)
    found = (await recall(mine, "sick puppies", explain=True))["data"][0]
    assert found["memory"]["content"] == "My dog is ill."
    assert found["signals"]["words"] == {"score": 0.0, "rank": None}
    assert found["signals"]["vector"]["rank"] == 1


async def test_only_words_find(mine: Api, me: str, backstory: Service) -> None:
    """A hundred others are nearer to the query's meaning than the one that has its name."""
    weather = [f"The weather was sunny on day {n}, and we spoke about it." for n in range(120)]
    await remember(mine, *weather, "7731 was paid by Grelnik.")
    await embedded(backstory, me, 121)
    query = "What did we say on that sunny day about the weather, and did Grelnik say so too?"
    found = (await recall(mine, query, explain=True, limit=50))["data"]
    named = next(f for f in found if f["memory"]["content"] == "7731 was paid by Grelnik.")
    assert named["signals"]["words"]["rank"] == 1
    assert named["signals"]["vector"]["rank"] is None
    assert named["signals"]["vector"]["score"] > 0  # both scores for every candidate


async def test_a_stored_turn_is_found(mine: Api) -> None:
    await mine.respond("My grandmother's name is Quilberta.")

    async def found() -> list[str]:
        return await recalled(mine, "Quilberta", filter={"speakers": ["user"]})

    assert await eventually(found) == ["My grandmother's name is Quilberta."]
    memory = (await recall(mine, "Quilberta", filter={"speakers": ["user"]}))["data"][0]["memory"]
    assert memory["kind"] == "message"
    assert memory["id"].removeprefix("mem_") == memory["sources"][0]["id"].removeprefix("msg_")


async def test_a_long_message_is_remembered_by_its_beginning(mine: Api, backstory: Service) -> None:
    bytes_max = backstory.config.memory_bytes_max
    said = "Zwiebelkuchen! " + "é" * bytes_max  # the bound falls within a character
    await mine.respond(said)

    async def found() -> list[str]:
        return await recalled(mine, "Zwiebelkuchen", filter={"speakers": ["user"]})

    (content,) = await eventually(found)
    assert said.startswith(content)
    assert len(content.encode()) == bytes_max - 1


async def test_what_was_said_beside_it_is_found_too(mine: Api, me: str, backstory: Service) -> None:
    talk = ["Is your bicycle still the green one?", "No, red, since Tuesday.", "Nice!"]
    await say(mine, talk, episode="a")
    await say(mine, ["I like trains.", "No, Sunday, since then.", "Nice!"], episode="b")
    await embedded(backstory, me, 6)
    found = await recalled(mine, "bicycle colour")
    assert found[:2] == talk[:2]


async def test_words_are_scored_by_bm25(mine: Api) -> None:
    """Stop words do not count, plurals do; over the lengths 3, 4 and 1 of what is remembered."""
    contents = ["Plum, plums and jam.", "A plum tart with cream and nuts.", "Cheese!"]
    await remember(mine, *contents)

    def bm25(frequency: int, words: int, having: int) -> float:
        idf = math.log(1 + (3 - having + 0.5) / (having + 0.5))
        length = 1 - B + B * words / (8 / 3)
        return idf * frequency * (K1 + 1) / (frequency + K1 * length)

    data = (await recall(mine, "plum jams", explain=True))["data"]
    scores = {found["memory"]["content"]: found["signals"]["words"]["score"] for found in data}
    assert scores[contents[0]] == pytest.approx(bm25(2, 3, 2) + bm25(1, 3, 1), abs=1e-4)
    assert scores[contents[1]] == pytest.approx(bm25(1, 4, 2), abs=1e-4)


async def test_a_named_speaker_is_found_by_name(mine: Api) -> None:
    await remember(mine, "I will be late.", speaker="Zebulon")
    await remember(mine, "I will be early.", speaker="Ada")
    assert (await recalled(mine, "What did Zebulon say?"))[0] == "I will be late."


async def test_a_query_of_stop_words_alone_is_no_error(mine: Api) -> None:
    await remember(mine, "The cat sleeps.")
    assert (await recall(mine, "is it the"))["data"] is not None


async def test_nothing_is_recalled_where_nothing_is(mine: Api) -> None:
    body = await recall(mine, "anything")
    assert (body["data"], body["context"]) == ([], "")
    assert body["usage"]["candidates"] == 0


# Narrowing


async def test_each_filter_narrows(mine: Api) -> None:
    await remember(mine, "tea a", kind="fact", metadata={"team": "x", "n": 1})
    await remember(mine, "tea b", speaker="Ada", episode="e", conversation=CONVERSATION)
    await remember(mine, "tea c", occurred_at="2020-01-01T00:00:00Z", metadata={"team": "y"})

    async def only(**narrowing: Any) -> set[str]:
        return set(await recalled(mine, "tea", filter=narrowing))

    assert await only(kinds=["fact"]) == {"tea a"}
    assert await only(kinds=["note"]) == {"tea b", "tea c"}
    assert await only(speakers=["Ada", "Bob"]) == {"tea b"}
    assert await only(episodes=["e"]) == {"tea b"}
    assert await only(metadata={"team": "x"}) == {"tea a"}
    assert await only(metadata={"team": "x", "n": 2}) == set()
    assert await only(until="2021-01-01T00:00:00Z") == {"tea c"}
    assert await only(since=1_600_000_000) == {"tea a", "tea b"}
    assert await only() == {"tea a", "tea b", "tea c"}
    assert await recalled(mine, "tea", conversation=CONVERSATION) == ["tea b"]
    assert await recalled(mine, "tea", conversation=OTHER_CONVERSATION) == []


async def test_a_filter_means_text_as_it_is_stored(mine: Api) -> None:
    """A NUL is U+FFFD in what is remembered, so it is in what is asked for."""
    said: Json = {"speaker": "A\x00", "episode": "e\x00", "metadata": {"k\x00": ["v\x00"]}}
    await remember(mine, "tea", **said)
    await remember(mine, "tea without")
    assert await recalled(mine, "tea", filter={"speakers": ["A\x00"]}) == ["tea"]
    assert await recalled(mine, "tea", filter={"episodes": ["e\x00"]}) == ["tea"]
    assert await recalled(mine, "tea", filter={"metadata": said["metadata"]}) == ["tea"]


async def test_a_filter_never_returns_too_few(mine: Api, me: str, backstory: Service) -> None:
    """Ten that fit badly, behind three hundred that fit well and are filtered away."""
    await remember(mine, *(f"Tea is what we drink, cup {n}." for n in range(300)), kind="fact")
    await remember(mine, *(f"Something else, number {n}." for n in range(10)))
    await embedded(backstory, me, 310)
    found = await recalled(mine, "Which tea do we drink?", filter={"kinds": ["note"]}, limit=10)
    assert len(found) == 10


async def test_neighbours_keep_the_filter(mine: Api, me: str, backstory: Service) -> None:
    await say(mine, ["Who has the umbrella?"], speaker="Ada", episode="a")
    await say(mine, ["I have it here."], speaker="Bob", episode="a")
    await embedded(backstory, me, 2)
    found = await recalled(mine, "umbrella", filter={"speakers": ["Ada"]})
    assert found == ["Who has the umbrella?"]


async def test_another_user_is_not_there(api: Api, mine: Api) -> None:
    await remember(mine, "My secret is plum jam.")
    assert await recalled(api.as_user(somebody()), "plum jam") == []
    assert "My secret is plum jam." not in await recalled(api, "plum jam", limit=200)


# The answer


async def test_the_best_comes_first_with_its_score(mine: Api, me: str, backstory: Service) -> None:
    await remember(mine, "plum", "plum jam", "plum jam recipe", *(f"filler {n}" for n in range(9)))
    await embedded(backstory, me, 12)
    data = (await recall(mine, "recipe for plum jam"))["data"]
    scores = [found["score"] for found in data]
    assert data[0]["memory"]["content"] == "plum jam recipe"
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert all(found["signals"] is None for found in data)
    above = await recall(mine, "recipe for plum jam", min_score=scores[1])
    assert [found["score"] for found in above["data"]] == scores[:2]
    assert len((await recall(mine, "plum", limit=2))["data"]) == 2


async def test_the_context_is_ready_for_a_prompt(mine: Api) -> None:
    await say(mine, ["I moved to Ulm.", "The flat in Ulm\n\nhas two rooms."], speaker="Ada")
    body = await recall(mine, "rooms of the flat in Ulm")
    assert body["context"] == (
        "[2026-05-01 09:00] Ada: I moved to Ulm.\n"
        "[2026-05-01 09:01] Ada: The flat in Ulm has two rooms."
    )
    assert body["usage"]["vectors"] == "used"
    short = await recall(mine, "rooms of the flat in Ulm", token_budget=16)
    assert short["context"] == "[2026-05-01 09:01] Ada: The flat in Ulm has two rooms."
    assert short["usage"]["context_tokens"] <= 16
    assert len(short["data"]) == 2


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"query": ""}, "query"),
        ({"query": " \n"}, "query"),
        ({"query": 3}, "query"),
        ({"query": "x" * 70_000}, "query"),
        ({"query": "x", "limit": 0}, "limit"),
        ({"query": "x", "limit": 201}, "limit"),
        ({"query": "x", "token_budget": 0}, "token_budget"),
        ({"query": "x", "min_score": 2}, "min_score"),
        ({"query": "x", "conversation": "conv_1"}, "conversation"),
        ({"query": "x", "filter": {"kinds": ["x"]}}, None),
        ({"query": "x", "filter": {"colours": ["x"]}}, None),
        ({"query": "x", "filter": {"since": "soon"}}, "filter.since"),
        ({"query": "x", "filter": {"metadata": {"a": DEEP}}}, "filter.metadata"),
        ({"query": "x", "as_of": "soon"}, "as_of"),
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, body: Json, param: str | None) -> None:
    reply = await api.send("POST", "/v1/recall", body)
    assert reply.status == 400, reply.raw
    assert reply.error["message"]
    if param is not None:
        assert reply.error["param"] == param


async def test_everyone_needs_an_admin(api: Api) -> None:
    reply = await api.send("POST", "/v1/recall", {"query": "x", "user": "*"})
    assert reply.status == 403


async def say(api: Api, texts: list[str], **fields: Any) -> None:
    """A minute apart, in the order given."""
    for minute, text in enumerate(texts):
        at = (START + timedelta(minutes=minute)).isoformat()
        await remember(api, text, occurred_at=at, **fields)


# What fits, and what does not


async def test_ten_ways_of_saying_one_thing_make_room(
    mine: Api, me: str, backstory: Service
) -> None:
    same = [f"I adopted a grey cat from the shelter{end}" for end in (".", "!", "!!", " .")]
    await remember(mine, *same, "My cat is called Mog.", "Mog scratches the sofa, that cat.")
    await embedded(backstory, me, 6)
    found = await recall(mine, "Which cat did I adopt from the shelter?", limit=3, explain=True)
    contents = [one["memory"]["content"] for one in found["data"]]
    assert len([content for content in contents if content in same]) == 1
    assert {one["why"] for one in found["left_out"]} == {"limit"}


async def test_what_differs_in_a_number_is_not_said_twice(
    mine: Api, me: str, backstory: Service
) -> None:
    paid = [f"Invoice {n} of the plumber was paid." for n in range(4)]
    await remember(mine, *paid, "The plumber is ill.", "Invoices are blue.")
    await embedded(backstory, me, 6)
    found = await recalled(mine, "Which invoices of the plumber were paid?", limit=4)
    assert set(found) == set(paid)


async def test_a_wish_is_found_for_a_query_that_shares_no_word(
    mine: Api, me: str, backstory: Service
) -> None:
    await say(mine, ["I'm vegetarian.", "Noted!"], episode="long ago")
    await remember(mine, *(f"Invoice {n} of the plumber was paid by transfer." for n in range(150)))
    await embedded(backstory, me, 152)
    found = await recall(mine, "Which dish should I order on Saturday?", explain=True)
    (wish,) = [one for one in found["data"] if one["memory"]["content"] == "I'm vegetarian."]
    assert wish["signals"]["points"]["preference"] > 0


async def test_how_sure_recall_is(mine: Api, me: str, backstory: Service) -> None:
    await remember(mine, "My sister Zora repairs violins in Ghent.", "It rains.")
    await embedded(backstory, me, 2)
    fits = await recall(mine, "Where does Zora repair violins?")
    strange = await recall(mine, "Who won the chess tournament in Oslo?")
    assert fits["confidence"] > 0.8 > 0.2 > strange["confidence"]
    assert strange["data"], "explicit search shows what there is"
