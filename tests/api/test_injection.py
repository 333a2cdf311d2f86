"""What memory puts into a prompt of its own accord, and what it does not take back from there."""

import pytest

from app.recall.pack import HEADING
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.memories import embedded, remember, somebody
from tests.support.service import Service

LINE = "[2026-05-01 09:00] user: The passport lies in the blue drawer."
BLOCKS = {
    "whole": f"{HEADING}\n<memories>\n{LINE}\n</memories>\n",
    "without its heading": f"<memories>\n{LINE}\n{LINE}\n</memories>",
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
