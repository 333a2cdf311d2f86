"""Conversations: heads that lose no turn, whoever appends."""

import asyncio

from openai import AsyncOpenAI

from tests.support.api import Api
from tests.support.engine import FakeEngine


def said(engine: FakeEngine) -> list[str]:
    """The texts of users in what the engine got last."""
    items = engine.last.body["input"]
    return [item["content"][0]["text"] for item in items if item.get("role") == "user"]


async def ask(openai: AsyncOpenAI, text: str, **more: str) -> str:
    response = await openai.responses.create(model="test-model", input=text, **more)  # type: ignore[call-overload]  # by name
    return str(response.id)


async def test_a_conversation_moves_with_its_turns(
    openai: AsyncOpenAI, shared_engine: FakeEngine
) -> None:
    conversation = (await openai.conversations.create(metadata={"topic": "bees"})).id
    await ask(openai, "one", conversation=conversation)
    await ask(openai, "two", conversation=conversation)
    assert said(shared_engine) == ["one", "two"]
    found = await openai.conversations.retrieve(conversation)
    assert found.metadata == {"topic": "bees"}


async def test_a_fork_does_not_move_the_conversation(
    openai: AsyncOpenAI, shared_engine: FakeEngine
) -> None:
    conversation = (await openai.conversations.create()).id
    first = await ask(openai, "one", conversation=conversation)
    await ask(openai, "two", conversation=conversation)
    await ask(openai, "fork", previous_response_id=first)
    await ask(openai, "three", conversation=conversation)
    assert said(shared_engine) == ["one", "two", "three"]


async def test_continuing_the_head_by_its_response_moves_it(
    openai: AsyncOpenAI, shared_engine: FakeEngine
) -> None:
    conversation = (await openai.conversations.create()).id
    first = await ask(openai, "one", conversation=conversation)
    await ask(openai, "two", previous_response_id=first)
    await ask(openai, "three", conversation=conversation)
    assert said(shared_engine) == ["one", "two", "three"]


async def test_of_two_turns_at_once_none_is_lost(
    openai: AsyncOpenAI, shared_engine: FakeEngine
) -> None:
    conversation = (await openai.conversations.create()).id
    await ask(openai, "start", conversation=conversation)
    texts = [f"[[delay:0.02]] at once {number}" for number in range(25)]
    await asyncio.gather(*(ask(openai, text, conversation=conversation) for text in texts))
    await ask(openai, "after", conversation=conversation)
    heard = said(shared_engine)
    assert heard[0] == "start"
    assert heard[-1] == "after"
    assert sorted(heard[1:-1]) == sorted(texts)


async def test_an_unknown_conversation_is_named(api: Api) -> None:
    answer = await api.get("/v1/conversations/conv_" + "0" * 32)
    assert answer.status == 404
    assert answer.error["code"] == "conversation_not_found"
