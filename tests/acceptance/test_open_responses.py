"""The cases of the Open Responses compliance suite, on every kind of engine.

Made from the specification's schema; each answer and event is checked against it as it leaves
(tests/support/watched.py). Only the test engine does what magic words say: the bundled model may
say what it wants, in the right form.
"""

from collections.abc import AsyncIterator

import pytest

from tests.support.api import Api, Json, open_api, text_of
from tests.support.heard import something
from tests.support.service import Service

MODEL = "@oi/beta"
WEATHER: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather of a place.",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
CALLING: Json = {"tools": [WEATHER], "tool_choice": "required"}
ASK_TO_CALL = 'Weather in Rome? [[call:get_weather {"location": "Rome"}]]'
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)


@pytest.fixture
async def api(service: Service) -> AsyncIterator[Api]:
    async with open_api(service) as api:
        yield api


def said(text: str, role: str = "user", **more: object) -> Json:
    return {"type": "message", "role": role, "content": text, **more}


def asked(**fields: object) -> Json:
    return {"model": MODEL, "temperature": 0, "cache": False, **fields}


@pytest.mark.supports("Open Responses: text")
async def test_basic_text(api: Api) -> None:
    body = await api.respond([said(something("Say hello."))], **asked())
    assert body["status"] == "completed"
    assert [item["type"] for item in body["output"]] == ["message"]
    assert text_of(body)


@pytest.mark.supports("Open Responses: streaming")
async def test_streaming(api: Api) -> None:
    streamed = await api.stream([said(something("Say hello."))], **asked())
    assert streamed.done
    assert streamed.types[-1] == "response.completed"
    deltas = [e["delta"] for e in streamed.events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == text_of(streamed.response)
    assert len(deltas) > 1


@pytest.mark.supports("Open Responses: system and developer messages")
@pytest.mark.parametrize("role", ["system", "developer"])
async def test_a_prompt_of_the_system(api: Api, role: str) -> None:
    prompt = said("You are a pirate.", role)
    greeting = said(something("Say hello."))
    body = await api.respond([prompt, greeting], **asked(max_output_tokens=32))
    assert body["status"] in ("completed", "incomplete")
    assert text_of(body)


@pytest.mark.supports("Open Responses: tool calls")
async def test_a_tool_is_called_and_answers(api: Api) -> None:
    body = await api.respond([said(ASK_TO_CALL)], **asked(**CALLING))
    (call,) = (item for item in body["output"] if item["type"] == "function_call")
    assert call["name"] == "get_weather"
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "Sunny."}
    told = await api.respond([said(ASK_TO_CALL), call, output], **asked(tools=[WEATHER]))
    assert told["status"] == "completed"
    assert told["output"]


@pytest.mark.supports("Open Responses: tool calls, streamed")
async def test_a_tool_is_called_in_a_stream(api: Api) -> None:
    streamed = await api.stream([said(ASK_TO_CALL)], **asked(**CALLING))
    types = streamed.types
    assert "response.function_call_arguments.delta" in types
    assert "response.function_call_arguments.done" in types
    for type_ in ("response.output_item.added", "response.output_item.done"):
        items = [event["item"]["type"] for event in streamed.events if event["type"] == type_]
        assert "function_call" in items


@pytest.mark.supports("Open Responses: images")
@pytest.mark.refuses("Open Responses: images", "local")
async def test_an_image(api: Api, service: Service) -> None:
    content = [
        {"type": "input_text", "text": something("What is this?")},
        {"type": "input_image", "image_url": PNG},
    ]
    reply = await api.create([{"type": "message", "role": "user", "content": content}], **asked())
    if service.config.engine_kind == "local":
        assert reply.error["code"] == "unsupported_image"
        return
    assert reply.body["status"] == "completed"


@pytest.mark.supports("Open Responses: turns in the input")
async def test_many_turns(api: Api) -> None:
    talk = [
        said("My name is Alice."),
        said("Hello Alice.", "assistant", phase="final_answer"),
        said(something("What is my name?")),
    ]
    body = await api.respond(talk, **asked())
    assert body["status"] == "completed"
    assert text_of(body)


@pytest.mark.supports("Open Responses: previous_response_id")
async def test_a_turn_goes_on(api: Api) -> None:
    first = await api.respond([said(something("My name is Alice."))], **asked())
    second = await api.respond(
        [said("What is my name?")], **asked(previous_response_id=first["id"])
    )
    assert second["previous_response_id"] == first["id"]
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]
