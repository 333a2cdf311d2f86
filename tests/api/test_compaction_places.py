"""Compactions in conversations and in the background, and what is left when they go."""

import asyncio

from tests.api.test_compaction import COMPACTING, PADDING, compactions
from tests.support.api import Api, Json
from tests.support.context_fixtures import received_texts
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.rows import count
from tests.support.service import Service


async def conversation_with(api: Api, name: str, turns: int) -> str:
    """It is about to pass the threshold."""
    made: str = (await api.send("POST", "/v1/conversations", {})).body["id"]
    for turn in range(turns):
        await api.respond(f"{name} fact-{name}{turn} {PADDING}", conversation=made)
    return made


async def test_two_at_once_lose_nothing(talker: Api, contexts_engine: FakeEngine) -> None:
    """The later one's summary does not know of the other's turn: it is not gone on from."""
    conversation = await conversation_with(talker, "both", 7)
    both = await asyncio.gather(
        *(
            talker.respond(
                f"both fact-both{side} {PADDING * 6}", conversation=conversation, **COMPACTING
            )
            for side in ("left", "right")
        )
    )
    assert all(map(compactions, both))
    await talker.respond("both now", conversation=conversation)
    got = " ".join(received_texts(contexts_engine.last.body))
    assert all(f"fact-both{turn}" in got for turn in (*range(7), "left", "right"))


async def test_without_the_item_the_originals_are_there_again(
    talker: Api, contexts_engine: FakeEngine, contexts_backstory: Service
) -> None:
    conversation = await conversation_with(talker, "undone", 8)
    response = await talker.respond(
        f"undone {PADDING * 6}", conversation=conversation, **COMPACTING
    )
    (item,) = compactions(response)
    await talker.respond("undone small", conversation=conversation)
    assert len(received_texts(contexts_engine.last.body)) < 16
    path = f"/v1/conversations/{conversation}/items"
    listed = (await talker.get(f"{path}?limit=100&order=asc")).body["data"]
    assert [entry["type"] for entry in listed].count("compaction") == 1
    assert len(listed) == 8 * 2 + 3 + 2, "the originals are all listed"
    assert (await talker.delete(f"{path}/{item['id']}")).status == 200
    await talker.respond("undone whole", conversation=conversation)
    texts = received_texts(contexts_engine.last.body)
    assert [text.split()[1] for text in texts[:16:2]] == [f"fact-undone{n}" for n in range(8)]
    kept = "SELECT count(*) FROM compactions WHERE body::text LIKE '%fact-undone1%'"
    assert await count(contexts_backstory, kept) == 0


async def test_a_fork_from_before_knows_nothing_of_it(
    talker: Api, contexts_engine: FakeEngine
) -> None:
    first = await talker.respond(f"forked fact-forked0 {PADDING * 20}")
    second = await talker.respond(f"forked {PADDING}", previous_response_id=first["id"])
    third = await talker.respond(
        f"forked {PADDING * 6}", previous_response_id=second["id"], **COMPACTING
    )
    assert compactions(third)
    await talker.respond("forked off", previous_response_id=second["id"])
    assert received_texts(contexts_engine.last.body)[0].startswith("forked fact-forked0")
    assert len(received_texts(contexts_engine.last.body)) == 5


async def test_in_the_background_it_is_the_same(talker: Api, contexts_engine: FakeEngine) -> None:
    first = await talker.respond(f"behind fact-behind0 {PADDING * 22}")
    begun = await talker.respond(
        f"behind {PADDING * 6}", previous_response_id=first["id"], background=True, **COMPACTING
    )
    assert begun["status"] == "queued"

    async def ended() -> Json | None:
        found: Json = (await talker.get(f"/v1/responses/{begun['id']}")).body
        return found if found["status"] == "completed" else None

    response = await eventually(ended)
    assert response
    assert [item["type"] for item in response["output"]] == ["compaction", "message"]
    await talker.respond("behind on", previous_response_id=begun["id"])
    texts = received_texts(contexts_engine.last.body)
    assert "fact-behind0" in texts[0]
    assert len(texts) == 4
