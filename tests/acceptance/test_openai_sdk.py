"""The official SDK, unchanged: the same flows on each kind of engine."""

import asyncio
from typing import Any, cast

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import FunctionToolParam, Response, ResponseStreamEvent
from pydantic import BaseModel

from tests.support.heard import something
from tests.support.service import Service

MODEL = "@oi/beta"
SHORT: dict[str, Any] = {"model": MODEL, "max_output_tokens": 16, "temperature": 0.7}
TO_THE_END: dict[str, Any] = {"model": MODEL, "temperature": 0, "extra_body": {"cache": False}}
"""The helper wants `response.completed`: a greeting ends by itself."""

TOOL: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


@pytest.mark.supports("openai for Python: create")
async def test_non_stream(client: AsyncOpenAI) -> None:
    response = await client.responses.create(**SHORT, input=something("Say hello."))
    assert response.object == "response"
    assert response.id.startswith("resp_")
    assert response.status in ("completed", "incomplete")
    assert response.output_text
    assert response.usage
    assert response.usage.total_tokens > 0
    assert response._request_id
    assert response._request_id.startswith("req_")


@pytest.mark.supports("openai for Python: stream")
async def test_stream(client: AsyncOpenAI) -> None:
    stream = await client.responses.create(**SHORT, input=something("Say hello."), stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events[:3]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
    ]
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert last.response.output_text == "".join(deltas)
    assert len(deltas) > 1
    assert [event.sequence_number for event in events] == list(range(len(events)))


@pytest.mark.supports("openai for Python: responses.stream")
async def test_the_stream_helper(client: AsyncOpenAI) -> None:
    async with client.responses.stream(**TO_THE_END, input="Say hi.") as stream:
        texts = [e.snapshot async for e in stream if e.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert texts[-1] == final.output_text
    assert (await client.responses.retrieve(final.id)).output_text == final.output_text


@pytest.mark.supports("openai for Python: previous_response_id, forks")
async def test_three_turns_and_a_fork(client: AsyncOpenAI) -> None:
    turns: list[Response] = []
    for said in ("My name is Ada.", "I live in Paris.", "I keep bees."):
        previous = turns[-1].id if turns else None
        turns.append(
            await client.responses.create(
                **SHORT, input=something(said), previous_response_id=previous
            )
        )
    assert [turn.previous_response_id for turn in turns] == [None, turns[0].id, turns[1].id]
    tokens = [turn.usage.input_tokens for turn in turns if turn.usage]
    assert tokens == sorted(tokens)
    assert tokens[0] < tokens[2]
    fork = await client.responses.create(
        **SHORT, input=something("I live in Rome."), previous_response_id=turns[0].id
    )
    assert fork.usage
    assert fork.previous_response_id == turns[0].id
    assert fork.usage.input_tokens < tokens[2]


@pytest.mark.supports("openai for Python: retrieve, input_items")
async def test_retrieve_and_list_input_items(client: AsyncOpenAI) -> None:
    said = something("Say hello.")
    response = await client.responses.create(
        **SHORT, input=said, instructions="Be brief.", metadata={"order": "17"}
    )
    stored = await client.responses.retrieve(response.id)
    assert stored.model_dump() == response.model_dump()
    items = [item async for item in client.responses.input_items.list(response.id)]
    assert [item.type for item in items] == ["message"]
    assert _text(items[0]) == said


@pytest.mark.supports("openai for Python: retrieve, input_items")
async def test_input_items_page_by_themselves(client: AsyncOpenAI) -> None:
    given: Any = [{"role": "user", "content": f"number {n}"} for n in range(5)]
    response = await client.responses.create(**SHORT, input=given)
    listed = client.responses.input_items.list(response.id, limit=2, order="asc")
    texts = [_text(item) async for item in listed]
    assert texts == [f"number {n}" for n in range(5)]


def _text(item: Any) -> str:
    """What a message says; the SDK's type is a union of all items."""
    return str(item.content[0].text)


@pytest.mark.supports("openai for Python: delete")
async def test_delete(client: AsyncOpenAI) -> None:
    response = await client.responses.create(**SHORT, input=something("Forget this."))
    await client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError) as missing:
        await client.responses.retrieve(response.id)
    assert missing.value.status_code == 404
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(**SHORT, input="Go on.", previous_response_id=response.id)
    assert refused.value.code == "previous_response_not_found"
    assert refused.value.param == "previous_response_id"


@pytest.mark.supports("openai for Python: a stored stream told again")
async def test_a_stored_stream_is_retrieved(client: AsyncOpenAI) -> None:
    stream = await client.responses.create(**SHORT, input=something("Say hello."), stream=True)
    events: list[ResponseStreamEvent] = [event async for event in stream]
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    again = await client.responses.retrieve(last.response.id, stream=True, starting_after=2)
    rest = [event async for event in again]
    assert [event.model_dump() for event in rest] == [event.model_dump() for event in events[3:]]


@pytest.mark.supports("openai for Python: models")
async def test_models(client: AsyncOpenAI) -> None:
    models = [model async for model in client.models.list()]
    assert MODEL in [model.id for model in models]
    assert (await client.models.retrieve("@oi/beta")).id == "@oi/beta"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("no-such-model")


@pytest.mark.supports("openai for Python: tools")
async def test_tools_are_passed_through(client: AsyncOpenAI) -> None:
    response = await client.responses.create(
        **SHORT, input=something("Say hello."), tools=[TOOL], tool_choice="auto"
    )
    assert [tool.model_dump(exclude_none=True) for tool in response.tools] == [TOOL]
    assert response.tool_choice == "auto"
    stored = await client.responses.retrieve(response.id)
    assert stored.tools == response.tools


@pytest.mark.supports("openai for Python: tools")
async def test_an_output_is_given_back(client: AsyncOpenAI) -> None:
    """The engine need not have called: a client may bring a call together with its output."""
    call: Any = {
        "type": "function_call",
        "call_id": "call_1",
        "name": "get_weather",
        "arguments": '{"city": "Paris"}',
    }
    output: Any = {"type": "function_call_output", "call_id": "call_1", "output": "20 degrees"}
    asked: Any = {"role": "user", "content": something("What is the weather in Paris?")}
    response = await client.responses.create(**SHORT, input=[asked, call, output], tools=[TOOL])
    assert response.output_text
    items = [item async for item in client.responses.input_items.list(response.id, order="asc")]
    assert [item.type for item in items] == ["message", "function_call", "function_call_output"]


@pytest.mark.supports("openai for Python: its own errors")
async def test_errors_are_the_sdk_s_own(client: AsyncOpenAI, service: Service) -> None:
    with pytest.raises(openai.BadRequestError) as wrong:
        await client.responses.create(model=MODEL, input=cast("str", 5))
    assert wrong.value.param == "input"
    with pytest.raises((openai.NotFoundError, openai.BadRequestError)) as unknown:
        await client.responses.create(model="gpt-17", input="hello")
    assert unknown.value.code == "model_not_found"
    stranger = client.with_options(api_key="wrong")
    with pytest.raises(openai.AuthenticationError):
        await stranger.responses.create(model=MODEL, input="hello")
    with pytest.raises(openai.APIStatusError) as large:
        await client.responses.create(model=MODEL, input="a" * 17_000_000)
    assert large.value.status_code == 413


@pytest.mark.supports("openai for Python: the sync client")
async def test_the_sync_client(service: Service) -> None:
    def talk() -> tuple[str, str, list[str]]:
        with OpenAI(base_url=service.base_url, api_key=service.api_key, max_retries=0) as client:
            first = client.responses.create(**SHORT, input=something("Say hello."))
            with client.responses.stream(
                **TO_THE_END, input="Say hi.", previous_response_id=first.id
            ) as stream:
                types: list[str] = [event.type for event in stream]
                final = stream.get_final_response()
            stored = client.responses.retrieve(final.id)
            client.responses.delete(final.id)
            return final.output_text, stored.output_text, types

    said, stored, types = await asyncio.to_thread(talk)
    assert said == stored
    assert types[0] == "response.created"
    assert types[-1] == "response.completed"


@pytest.mark.supports("openai for Python: responses.parse")
async def test_parsing_into_a_model(client: AsyncOpenAI) -> None:
    class City(BaseModel):
        name: str

    parsed = await client.responses.parse(
        **TO_THE_END, input='[[say:{"name": "Paris"}]] The capital of France?', text_format=City
    )
    assert parsed.output_parsed
    assert parsed.output_parsed.name


# What only the test engine can be told to do


async def test_exact_text(openai: AsyncOpenAI) -> None:
    said = something("hello")
    first = await openai.responses.create(model=MODEL, input=said)
    assert first.output_text == f"You said: {said}"
    assert first.status == "completed"
    second = await openai.responses.create(
        model=MODEL, input="and you?", previous_response_id=first.id
    )
    assert second.output_text == "You said: and you?"
    async with openai.responses.stream(model=MODEL, input=said) as stream:
        deltas = [e.delta async for e in stream if e.type == "response.output_text.delta"]
    assert "".join(deltas) == f"You said: {said}"


async def test_a_function_call_by_the_stream_helper(openai: AsyncOpenAI) -> None:
    async with openai.responses.stream(
        model=MODEL, input='[[call:get_weather {"city": "Paris"}]] weather?', tools=[TOOL]
    ) as stream:
        asked = await stream.get_final_response()
    call = asked.output[0]
    assert call.type == "function_call"
    assert call.parsed_arguments == {"city": "Paris"}
    told = await openai.responses.create(
        model=MODEL,
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "20 degrees"}],
    )
    assert told.output_text == "The tool said: 20 degrees"


async def test_our_fields_go_through_extra_body(openai: AsyncOpenAI) -> None:
    said = something("hello")
    for status in ("MISS", "HIT"):
        raw = await openai.responses.with_raw_response.create(
            model=MODEL, input=said, user="ada", extra_body={"cache": True}
        )
        assert raw.headers["X-Cache"] == status
    other = await openai.responses.with_raw_response.create(
        model=MODEL,
        input=said,
        extra_headers={"Backstory-User": "bob", "Backstory-Cache": "true"},
    )
    assert other.headers["X-Cache"] == "MISS"


async def test_a_failing_stream_is_seen_as_failed(openai: AsyncOpenAI) -> None:
    stream = await openai.responses.create(
        model=MODEL, input=something("[[words:20]] [[break:7]]"), stream=True
    )
    events = [event async for event in stream]
    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.error
    assert str(last.response.error.code) == "engine_broken"
