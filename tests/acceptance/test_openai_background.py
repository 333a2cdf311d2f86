"""The official SDK, unchanged: background responses, resumed streams, cancels, the WebSocket."""

import asyncio
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response, ResponseStreamEvent

from tests.support.eventually import eventually
from tests.support.heard import something
from tests.support.service import Service

BRIEF: dict[str, Any] = {
    "model": "@oi/beta",
    "temperature": 0,
    "input": "Say hi.",
    "extra_body": {"cache": False},
}
LONG: dict[str, Any] = {
    "model": "@oi/beta",
    "max_output_tokens": 500,
    "input": "[[words:500]] [[delay:0.02]] Write a long story about bees and rivers.",
}


@pytest.mark.supports("openai for Python: background")
async def test_a_background_response(client: AsyncOpenAI) -> None:
    begun = await client.responses.create(**BRIEF, background=True)
    assert begun.status in ("queued", "in_progress")
    ended = await _ended(client, begun.id)
    assert ended.status == "completed"
    assert ended.output_text
    assert ended.background is True


@pytest.mark.supports("openai for Python: background")
async def test_it_is_continued(client: AsyncOpenAI) -> None:
    begun = await client.responses.create(**BRIEF, background=True)
    ended = await _ended(client, begun.id)
    second = await client.responses.create(**BRIEF, previous_response_id=begun.id)
    assert ended.usage
    assert second.usage
    assert second.usage.input_tokens > ended.usage.input_tokens


@pytest.mark.supports("openai for Python: a stream resumed while it runs")
async def test_a_stream_is_left_and_resumed(client: AsyncOpenAI) -> None:
    stream = await client.responses.create(**BRIEF, background=True, stream=True)
    events: list[ResponseStreamEvent] = []
    async for event in stream:
        events.append(event)
        if event.type == "response.output_text.delta":
            break
    await stream.close()
    response_id = _id_of(events[0])
    rest = await client.responses.retrieve(
        response_id, stream=True, starting_after=events[-1].sequence_number
    )
    events += [event async for event in rest]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert events[-1].type == "response.completed"
    assert "".join(deltas) == events[-1].response.output_text


@pytest.mark.supports("openai for Python: cancel")
async def test_cancel(client: AsyncOpenAI) -> None:
    begun = await client.responses.create(**LONG, background=True)
    cancelled = await client.responses.cancel(begun.id)
    assert cancelled.status == "cancelled"
    again = await client.responses.cancel(begun.id)
    assert again.status == "cancelled"
    assert (await client.responses.retrieve(begun.id)).status == "cancelled"


@pytest.mark.supports("openai for Python: cancel")
async def test_a_stream_that_is_cancelled_ends(client: AsyncOpenAI) -> None:
    stream = await client.responses.create(**LONG, background=True, stream=True)
    events: list[ResponseStreamEvent] = []
    async for event in stream:
        events.append(event)
        if event.type == "response.output_text.delta" and len(events) < 10:
            await client.responses.cancel(_id_of(events[0]))
    last = events[-1]
    assert last.type == "response.incomplete"
    assert last.response.status == "cancelled"


@pytest.mark.supports("openai for Python: the sync client")
async def test_the_sync_client(service: Service) -> None:
    def talk() -> list[int]:
        with OpenAI(base_url=service.base_url, api_key=service.api_key, max_retries=0) as client:
            with client.responses.create(**BRIEF, background=True, stream=True) as stream:
                first = next(iter(stream))
            rest = client.responses.retrieve(_id_of(first), stream=True, starting_after=0)
            return [event.sequence_number for event in rest]

    numbers = await asyncio.to_thread(talk)
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.supports("openai for Python: WebSocket")
async def test_a_web_socket(client: AsyncOpenAI) -> None:
    brief = {name: value for name, value in BRIEF.items() if name != "extra_body"}
    async with client.responses.connect() as connection:
        await connection.response.create(**brief)
        first = await _last(connection)
        await connection.response.create(
            **brief | {"input": something("Say hello.")}, previous_response_id=first.id
        )
        second = await _last(connection)
    assert second.previous_response_id == first.id
    assert (await client.responses.retrieve(second.id)).output_text == second.output_text


async def _last(connection: Any) -> Response:
    async for event in connection:
        if event.type == "response.completed":
            response: Response = event.response
            return response
    raise AssertionError("the connection was closed")


async def _ended(client: AsyncOpenAI, response_id: str) -> Response:
    async def ended() -> Response | None:
        response = await client.responses.retrieve(response_id)
        return None if response.status in ("queued", "in_progress") else response

    response = await eventually(ended)
    assert response
    return response


def _id_of(event: ResponseStreamEvent) -> str:
    assert event.type in ("response.created", "response.queued")
    return event.response.id
