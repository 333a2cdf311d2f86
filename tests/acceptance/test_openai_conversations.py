"""The official SDK, unchanged: conversations, long contexts, files, embeddings."""

from base64 import b64decode
from typing import Any

import openai as sdk
import pytest
from openai import AsyncOpenAI

from tests.support.heard import something

MODEL = "@oi/beta"
EMBEDDER = "all-MiniLM-L6-v2"
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
BRIEF: dict[str, Any] = {"model": MODEL, "temperature": 0, "extra_body": {"cache": False}}


@pytest.mark.supports("openai for Python: conversations")
async def test_a_conversation(client: AsyncOpenAI) -> None:
    said: Any = {"type": "message", "role": "user", "content": something("I keep bees.")}
    conversation = await client.conversations.create(items=[said], metadata={"topic": "bees"})
    answers = [
        await client.responses.create(**BRIEF, input=text, conversation=conversation.id)
        for text in ("Say hi.", "Say hello.")
    ]
    items = [item async for item in client.conversations.items.list(conversation.id, order="asc")]
    assert [getattr(item, "role", None) for item in items] == [
        "user",
        *("user", "assistant"),
        *("user", "assistant"),
    ]
    told = items[-1].model_dump()["content"][0]["text"]
    assert told == answers[-1].output_text
    assert answers[-1].conversation
    assert answers[-1].conversation.id == conversation.id


@pytest.mark.supports("openai for Python: conversation items")
async def test_items(client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create()
    given: Any = [{"type": "message", "role": "user", "content": f"number {n}"} for n in range(5)]
    made = await client.conversations.items.create(conversation.id, items=given)
    assert len(made.data) == 5
    listed = client.conversations.items.list(conversation.id, order="asc", limit=2)
    ids = [item.id async for item in listed]
    assert ids == [item.id for item in made.data]
    found = await client.conversations.items.retrieve(ids[1] or "", conversation_id=conversation.id)
    assert found.model_dump() == made.data[1].model_dump()
    await client.conversations.items.delete(ids[1] or "", conversation_id=conversation.id)
    left = [item.id async for item in client.conversations.items.list(conversation.id, order="asc")]
    assert left == [ids[0], *ids[2:]]


@pytest.mark.supports("openai for Python: conversations")
async def test_metadata_and_deletion(client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create(metadata={"topic": "bees"})
    changed = await client.conversations.update(conversation.id, metadata={"topic": "ants"})
    assert changed.metadata == {"topic": "ants"}
    assert (await client.conversations.delete(conversation.id)).deleted
    with pytest.raises(sdk.NotFoundError):
        await client.conversations.retrieve(conversation.id)


@pytest.mark.supports("openai for Python: input_tokens")
async def test_input_tokens(client: AsyncOpenAI) -> None:
    first = await client.responses.create(**BRIEF, input="Say hi.")
    alone = await client.responses.input_tokens.count(model=MODEL, input="Say hello.")
    after = await client.responses.input_tokens.count(
        model=MODEL, input="Say hello.", previous_response_id=first.id
    )
    assert 0 < alone.input_tokens < after.input_tokens


@pytest.mark.filterwarnings("ignore:Pydantic serializer")  # it knows no user's message in an output
@pytest.mark.supports("openai for Python: compact")
async def test_compact(client: AsyncOpenAI) -> None:
    talk: Any = [
        {"role": role, "content": f"{text} {n}"}
        for n in range(2)
        for role, text in (("user", "Say hi."), ("assistant", "Hi there, how are you?"))
    ]
    smaller = await client.responses.compact(model=MODEL, input=talk)
    assert smaller.output[0].type == "compaction"
    asked: Any = {"role": "user", "content": "Say hi."}
    following: Any = [*smaller.output, asked]
    assert (await client.responses.create(**BRIEF, input=following)).output_text


@pytest.mark.supports("openai for Python: embeddings")
async def test_embeddings(client: AsyncOpenAI) -> None:
    """The SDK asks for base64 by itself."""
    made = await client.embeddings.create(model=EMBEDDER, input=["bees", "honey"])
    assert [len(one.embedding) for one in made.data] == [384, 384]


@pytest.mark.supports("openai for Python: files")
async def test_files(client: AsyncOpenAI) -> None:
    file = await client.files.create(file=("dot.png", PNG), purpose="vision")
    assert (await client.files.retrieve(file.id)).filename == "dot.png"
    assert (await client.files.content(file.id)).content == PNG
    assert file.id in [one.id async for one in client.files.list()]
    assert (await client.files.delete(file.id)).deleted
