"""Chat completions by the official SDK, unchanged: on each kind of engine."""

import asyncio
from typing import Any

import pytest
from openai import APIError, AsyncOpenAI, BadRequestError, OpenAI
from pydantic import BaseModel

from tests.support.heard import something
from tests.support.service import Service

MODEL = "@oi/beta"
SHORT: dict[str, Any] = {"model": MODEL, "max_tokens": 16, "temperature": 0.7}
TO_THE_END: dict[str, Any] = {"model": MODEL, "temperature": 0, "extra_body": {"cache": False}}
"""The helper wants an answer that ends by itself, as a greeting does."""

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def said(text: str) -> Any:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


@pytest.mark.supports("openai for Python: chat completions")
async def test_a_completion(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(
        **SHORT, messages=said(something("Say hello.")), metadata={"order": "17"}
    )
    assert completion.id.startswith("chatcmpl-")
    assert completion.choices[0].message.content
    assert completion.choices[0].finish_reason in ("stop", "length")
    assert completion.usage
    assert completion.usage.total_tokens > 0
    stored = await client.chat.completions.retrieve(completion.id)
    assert stored.model_dump() == completion.model_dump()
    messages = [m async for m in client.chat.completions.messages.list(completion.id)]
    assert messages[0].content == "Be brief."
    assert (await client.chat.completions.delete(completion.id)).deleted


@pytest.mark.supports("openai for Python: chat completions, streamed")
async def test_a_stream(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        **SHORT,
        messages=said(something("Say hello.")),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert chunks[-2].choices[0].finish_reason in ("stop", "length")
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.supports("openai for Python: chat completions, streamed")
async def test_the_stream_helper(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(
        **TO_THE_END, messages=[{"role": "user", "content": "Say hi."}]
    ) as stream:
        deltas = [event.delta async for event in stream if event.type == "content.delta"]
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "".join(deltas)


@pytest.mark.supports("openai for Python: chat completions, tools")
async def test_a_tool_loop(client: AsyncOpenAI, service: Service, local_backstory: Service) -> None:
    """The bundled model is made to call; the test engine is told to."""
    told = '[[call:get_weather {"city":"Paris"}]] ' if service is not local_backstory else ""
    messages = said(told + "What is the weather in Paris?")
    forced: Any = {"type": "function", "function": {"name": "get_weather"}}
    async with client.chat.completions.stream(
        **TO_THE_END, messages=messages, tools=[TOOL], tool_choice=forced
    ) as stream:
        final = await stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.name == "get_weather"
    answer = {"role": "tool", "tool_call_id": call.id, "content": "Sunny."}
    talk: Any = [*messages, final.choices[0].message.model_dump(exclude_none=True), answer]
    second = await client.chat.completions.create(**SHORT, messages=talk)
    assert second.choices[0].message.content is not None


class Answer(BaseModel):
    word: str


@pytest.mark.supports("openai for Python: chat completions, parse")
async def test_parse(client: AsyncOpenAI, service: Service, local_backstory: Service) -> None:
    told = '[[say:{"word":"bees"}]] ' if service is not local_backstory else ""
    completion = await client.chat.completions.parse(
        model=MODEL,
        temperature=0,
        messages=[{"role": "user", "content": told + "The capital of France?"}],
        response_format=Answer,
    )
    assert completion.choices[0].message.parsed
    assert completion.choices[0].message.parsed.word


def _ask(service: Service, text: str) -> tuple[str, str]:
    with OpenAI(base_url=service.base_url, api_key=service.api_key, max_retries=0) as client:
        whole = client.chat.completions.create(**SHORT, messages=said(text))
        chunks = client.chat.completions.create(**SHORT, messages=said(text), stream=True)
        streamed = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    return whole.choices[0].message.content or "", streamed


@pytest.mark.supports("openai for Python: chat completions")
async def test_the_synchronous_client(service: Service) -> None:
    whole, streamed = await asyncio.to_thread(_ask, service, something("Say hello."))
    assert whole
    assert streamed


async def test_a_stream_that_breaks_raises(openai: AsyncOpenAI) -> None:
    stream = await openai.chat.completions.create(
        model=MODEL, messages=said(something("[[words:20]] [[break:8]]")), stream=True
    )
    with pytest.raises(APIError):
        async for _ in stream:
            pass


async def test_an_image_reaches_an_engine_that_sees(openai: AsyncOpenAI) -> None:
    image: Any = {"type": "image_url", "image_url": {"url": "https://example.org/bee.png"}}
    text: Any = {"type": "text", "text": something("What is this?")}
    completion = await openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": [text, image]}]
    )
    assert completion.choices[0].message.content


async def test_the_bundled_engine_says_that_it_is_blind(local_backstory: Service) -> None:
    image: Any = {"type": "image_url", "image_url": {"url": "https://example.org/bee.png"}}
    async with AsyncOpenAI(
        base_url=local_backstory.base_url, api_key=local_backstory.api_key, max_retries=0
    ) as client:
        with pytest.raises(BadRequestError, match="images"):
            await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": [image]}]
            )
