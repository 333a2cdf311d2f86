"""Recall of what a query says of time, over HTTP, with the real embedder."""

from datetime import UTC, datetime, timedelta

import pytest

from app.recall.score import FITS_MIN
from tests.support.api import Api, Json
from tests.support.memories import embedded, recall, recalled, remember, somebody
from tests.support.service import Service

TALK = [
    "The roof leaks above the kitchen.",
    "My bicycle has a new chain.",
    "We planted two apple trees in the garden.",
    "The neighbours have a baby.",
    "I am reading a book on whales.",
]


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    return api.as_user(me)


async def test_a_named_time_is_preferred(mine: Api, me: str, backstory: Service) -> None:
    for year in (2021, 2022, 2023):
        await remember(mine, "We went camping by the lake.", occurred_at=f"{year}-05-10T10:00:00Z")
    await embedded(backstory, me, 3)
    found = await recall(mine, "Where did we go camping in May 2022?", explain=True)
    assert found["data"][0]["memory"]["occurred_at"].startswith("2022")
    assert found["data"][0]["signals"]["points"]["said_then"] > 0


@pytest.mark.parametrize(
    ("said", "query"),
    [
        ("I saw the dentist about a filling.", "dentist in May 2025"),
        ("I saw the dentist about a filling.", "Did I see a dentist on the 20th of May 2025?"),
        ("Ich war beim Zahnarzt wegen einer Füllung.", "War ich im Mai 2025 beim Zahnarzt?"),
    ],
)
async def test_the_words_for_a_time_are_not_looked_for(
    mine: Api, me: str, backstory: Service, said: str, query: str
) -> None:
    for month in ("03", "05", "07"):
        await remember(mine, said, occurred_at=f"2025-{month}-20T10:00:00Z")
    await remember(mine, *TALK)
    await embedded(backstory, me, 3 + len(TALK))
    found = await recall(mine, query)
    assert found["confidence"] > 2 * FITS_MIN
    assert found["data"][0]["memory"]["occurred_at"].startswith("2025-05")
    elsewhere = await recall(mine, "Did I see an astrologer in May 2025?")
    assert elsewhere["confidence"] < found["confidence"] / 2


async def test_a_time_alone_is_enough_to_ask_for(mine: Api, me: str, backstory: Service) -> None:
    last_week = datetime.now(UTC) - timedelta(days=7)
    await remember(mine, *TALK, occurred_at="2020-02-02T10:00:00Z")
    await remember(mine, "I repaired the violin.", "Ada called.", occurred_at=str(last_week))
    await embedded(backstory, me, 2 + len(TALK))
    for query in ("What did I do last week?", "Was habe ich letzte Woche gemacht?", "last week"):
        found = await recall(mine, query, limit=2)
        assert contents(found) == {"I repaired the violin.", "Ada called."}, query
        assert found["confidence"] > 2 * FITS_MIN
    answer = await mine.respond("What happened last week?", memory=True)
    assert len(answer["recalled"]) >= 2


async def test_of_a_time_of_which_nothing_was_said_nothing_is_put_into_a_prompt(
    mine: Api, me: str, backstory: Service
) -> None:
    await remember(mine, *TALK, occurred_at="2020-02-02T10:00:00Z")
    await embedded(backstory, me, len(TALK))
    found = await recall(mine, "What did I do in May 2021?")
    assert found["confidence"] < FITS_MIN
    assert found["data"], "explicit search shows what there is"
    assert "recalled" not in await mine.respond("What did I do in May 2021?", memory=True)


async def test_who_is_named_beside_a_time_said_it(mine: Api, me: str, backstory: Service) -> None:
    for speaker in ("Zora", "Milo"):
        told = [f"{text} So says {speaker}." for text in TALK]
        await remember(mine, *told, speaker=speaker, occurred_at="2024-03-05T10:00:00Z")
    await embedded(backstory, me, 2 * len(TALK))
    found = await recall(mine, "What did Zora say in March 2024?", limit=5)
    assert {one["memory"]["speaker"] for one in found["data"]} == {"Zora"}
    assert found["confidence"] > 2 * FITS_MIN


async def test_of_a_time_with_much_in_it_what_is_asked_for_is_found(
    mine: Api, me: str, backstory: Service
) -> None:
    """Behind more of the same, said at other times, than an arm proposes."""
    at = "2023-{}-02T10:00:00Z"
    await remember(mine, *(f"I fed the cat, {n} times." for n in range(150)))
    await remember(mine, *(f"Bill {n} was paid." for n in range(20)), occurred_at=at.format("04"))
    await remember(
        mine, "I fed it, the cat of my aunt, to please her.", occurred_at=at.format("04")
    )
    await embedded(backstory, me, 171)
    found = await recalled(mine, "Did I feed a cat in April 2023?")
    assert found[0] == "I fed it, the cat of my aunt, to please her."


async def test_a_date_may_stand_in_the_text_as_well(mine: Api, me: str, backstory: Service) -> None:
    """Documents speak of other times than when they were remembered."""
    leases = [f"The lease of the {what} began on {n} May 2023." for n, what in PLACES]
    await remember(mine, *leases, *TALK)
    await embedded(backstory, me, len(leases) + len(TALK))
    assert (await recalled(mine, "Which lease began on 7 May 2023?"))[0] == leases[1]


PLACES = [(3, "barn"), (7, "flat"), (9, "shop"), (12, "garage")]


async def test_a_time_may_be_told_by_an_event(mine: Api, me: str, backstory: Service) -> None:
    await remember(mine, "Our wedding was wonderful!", occurred_at="2022-06-18T10:00:00Z")
    for day in ("2022-01-03", "2022-06-04", "2022-11-05"):
        await remember(mine, "I visited the dentist.", occurred_at=f"{day}T10:00:00Z")
    await embedded(backstory, me, 4)
    found = await recall(mine, "Which doctor did I visit two weeks before the wedding?", limit=4)
    first = found["data"][0]["memory"]
    assert (first["content"], first["occurred_at"][:10]) == ("I visited the dentist.", "2022-06-04")
    assert found["confidence"] > FITS_MIN


async def test_what_was_said_then_comes_before_the_event_that_tells_when(
    mine: Api, me: str, backstory: Service
) -> None:
    await remember(mine, "Our wedding was wonderful!", occurred_at="2022-06-18T10:00:00Z")
    await remember(mine, "I sold the piano.", occurred_at="2022-06-04T10:00:00Z")
    await remember(mine, *TALK, occurred_at="2021-06-04T10:00:00Z")
    await embedded(backstory, me, 2 + len(TALK))
    found = await recall(mine, "What did I do two weeks before the wedding?")
    assert found["data"][0]["memory"]["content"] == "I sold the piano."
    assert found["confidence"] > 2 * FITS_MIN


def contents(found: Json) -> set[str]:
    return {one["memory"]["content"] for one in found["data"]}
