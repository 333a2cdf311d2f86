"""What memory puts into a prompt of its own accord, and what it does not take back from there."""

import re

import pytest

from app.recall.pack import HEADING, WISHES_HEADING
from tests.support.api import Api, Json
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard
from tests.support.memories import embedded, remember, somebody
from tests.support.service import Service

LINE = "[2026-05-01 09:00] user: The passport lies in the blue drawer."
BLOCKS = {
    "whole": f"{HEADING}\n<memories>\n{LINE}\n</memories>\n",
    "without its heading": f"<memories>\n{LINE}\n{LINE}\n</memories>",
    "wishes": f"{WISHES_HEADING}\n<wishes>\n{LINE}\n</wishes>",
    "broken off": f"{HEADING}\n<memories>\n{LINE}",
}


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    return api.as_user(me)


async def test_only_what_fits_is_put_into_a_prompt(mine: Api, me: str, backstory: Service) -> None:
    await remember(mine, "My sister Zora repairs violins in Ghent.", "It rains.")
    await embedded(backstory, me, 2)
    fits = await mine.respond("Where does my sister Zora repair violins?", memory=True)
    strange = await mine.respond("Who won the chess tournament in Oslo?", memory=True)
    asked_for = await mine.respond(
        "Who won the chess tournament in Oslo?", memory={"recall": {"min_score": 0}}
    )
    assert fits["recalled"]
    assert "recalled" not in strange
    assert asked_for["recalled"]


async def test_what_fits_far_worse_than_the_best_is_left_out(
    mine: Api, me: str, backstory: Service, shared_engine: FakeEngine
) -> None:
    others = [f"{what} costs {n} pounds." for n, what in enumerate(("Rent", "Tea", "A lamp"), 7)]
    await remember(mine, "My sister Zora repairs violins in Ghent.", *others, "It rains.")
    await embedded(backstory, me, 5)
    question = "Where does my sister Zora repair violins?"
    answer = await mine.respond(question, memory={"recall": True, "remember": False})
    all_of_it = await mine.respond(question, memory={"recall": {"min_score": 0}, "remember": False})
    assert len(answer["recalled"]) == 1
    assert len(all_of_it["recalled"]) == 5


async def test_a_standing_instruction_is_told_whatever_is_asked(
    mine: Api, me: str, backstory: Service, shared_engine: FakeEngine
) -> None:
    """Of two that speak of the same the newer holds; what is merely liked waits to be asked for."""
    for minute, text in enumerate(
        ("Always answer in German.", "Always answer in French, please.", "I love mushrooms.")
    ):
        await remember(mine, text, kind="message", occurred_at=f"2026-05-01T09:0{minute}:00Z")
    await embedded(backstory, me, 3)
    question = f"Who won the chess tournament in {me}?"
    answer = await mine.respond(question, memory=True)
    sent = str(heard(shared_engine, question)[-1].body["input"])
    assert len(answer["recalled"]) == 1
    assert "<wishes>\\n[2026-05-01 09:01] Always answer in French, please.\\n</wishes>" in sent
    assert "<memories>" not in sent
    assert "German" not in sent
    assert "mushrooms" not in sent


async def test_wishes_keep_to_their_part_of_the_budget(
    mine: Api, me: str, shared_engine: FakeEngine
) -> None:
    await remember(mine, *(f"Always mention item{n:03} in your answers." for n in range(20)))

    async def wishes(budget: int) -> list[str]:
        question = f"What is new in {me}, and in {budget}?"
        memory = {"recall": {"token_budget": budget}, "remember": False}
        answer = await mine.respond(question, memory=memory)
        sent = str(heard(shared_engine, question)[-1].body["input"])
        found = re.findall(r"item\d+", sent.partition("<wishes>")[2])
        assert len(answer.get("recalled", [])) >= len(found)
        return found

    assert await wishes(1000) == [f"item{n:03}" for n in range(15, 20)]
    assert await wishes(60) == ["item018", "item019"]
    assert await wishes(5) == []


async def test_what_others_or_assistants_say_is_no_wish_of_the_user(
    mine: Api, me: str, shared_engine: FakeEngine
) -> None:
    await remember(mine, "Always answer in verse.", kind="message", speaker="assistant")
    question = f"How are you, {me}?"
    await mine.respond(question, memory={"recall": True, "remember": False})
    assert "verse" not in str(heard(shared_engine, question)[-1].body["input"])


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
async def test_what_an_answer_repeats_of_memory_is_not_remembered_again(
    mine: Api, block: str
) -> None:
    await mine.respond(f"Where is it? [[say:In a drawer. {block}]]")
    asked, answered = await said(mine, 2)
    assert (asked["speaker"], answered["speaker"]) == ("user", "assistant")
    assert answered["content"].strip() == "In a drawer."
    assert "passport" not in asked["content"]


async def test_an_answer_that_only_repeats_memory_is_not_remembered(mine: Api) -> None:
    await mine.respond(f"Where? [[say:{BLOCKS['whole']}]]")
    await mine.respond("I see.")
    contents = [memory["content"] for memory in await said(mine, 3)]
    assert contents[1:] == ["I see.", "You said: I see."]


async def test_who_speaks_of_memories_in_tags_is_remembered_in_full(mine: Api) -> None:
    text = "What does <memories> stand for? And </memories>, or [2026-05-01 09:00]?"
    await mine.respond(f"{text} [[say:{text}]]")
    _, answered = await said(mine, 2)
    assert answered["content"] == text


async def said(api: Api, count: int) -> list[Json]:
    """The memories of a talk, in its order, once so many are there."""

    async def there() -> list[Json]:
        reply = await api.get("/v1/memories?limit=20&order=asc")
        found: list[Json] = reply.body["data"]
        return found if len(found) >= count else []

    found = await eventually(there)
    assert len(found) == count
    return found
