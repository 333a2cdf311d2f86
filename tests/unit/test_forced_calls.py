"""Calls by a schema: when the model is held to one, and what its answer becomes."""

from typing import Any

import msgspec
import pytest

from app.engine.forced_calls import as_call, functions_to_call, held_to_call
from app.engine.types import Event
from app.errors import EngineBroken
from tests.support.engine_calls import ask, types

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "name": "get_weather", "parameters": PARAMETERS}
TIME = {"type": "function", "name": "get_time", "description": "What the clock says."}
TOOLS = [WEATHER, TIME]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("required", ["get_weather", "get_time"]),
        ({"type": "function", "name": "get_time"}, ["get_time"]),
        ({"type": "allowed_tools", "mode": "required", "tools": [TIME]}, ["get_time"]),
        ("auto", []),
        ("none", []),
        (None, []),
    ],
)
def test_when_a_function_must_be_called(choice: Any, names: list[str]) -> None:
    request = ask("hello", tools=TOOLS, tool_choice=choice)
    assert [function["name"] for function in functions_to_call(request)] == names


def test_only_a_call_fits_the_schema() -> None:
    request = ask("hello", tools=TOOLS, tool_choice="required")
    held = held_to_call(request, functions_to_call(request))
    options = held.parameters["text"]["format"]["schema"]["anyOf"]
    assert [option["properties"]["name"] for option in options] == [
        {"const": "get_weather"},
        {"const": "get_time"},
    ]
    assert options[0]["properties"]["arguments"] == PARAMETERS
    assert "tools" not in held.parameters
    assert "get_time: What the clock says." in held.input[0]["content"]
    assert held.input[1:] == request.input


def test_the_answer_becomes_a_call() -> None:
    said = msgspec.json.encode({"name": "get_weather", "arguments": {"city": "Paris"}}).decode()
    events = as_call(ask("hello"), _last("completed", said))
    assert types(events)[2:] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    (call,) = events[-1]["response"]["output"]
    assert (call["name"], call["arguments"]) == ("get_weather", '{"city":"Paris"}')
    assert events[-1]["response"]["usage"] == {"total_tokens": 3}


def test_an_answer_that_was_cut_off_is_no_call() -> None:
    last = as_call(ask("hello"), _last("incomplete", '{"name": "get_'))[-1]
    assert last["type"] == "response.incomplete"
    assert [item["type"] for item in last["response"]["output"]] == ["message"]


def test_an_answer_of_another_shape() -> None:
    with pytest.raises(EngineBroken):
        as_call(ask("hello"), _last("completed", '{"name": 5}'))


def _last(status: str, text: str) -> Event:
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    response = {"status": status, "output": output, "usage": {"total_tokens": 3}}
    return {"type": f"response.{status}", "response": response}
