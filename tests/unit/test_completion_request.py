"""A chat completion is read as the request for a response, or refused by the name of a field."""

from typing import Any

import msgspec
import pytest

from app.completions.messages import messages_of
from app.completions.request import read_completion
from app.config import Config
from app.conversations.contents import canonical
from app.errors import InvalidRequest
from app.responses.types import CreateRequest

Json = dict[str, Any]

PART = "messages[0].content[0].type"
HELLO = {"role": "user", "content": "Hello"}
CALLS = [
    {"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for n in (1, 2)
]


def read(*messages: Json, **fields: Any) -> CreateRequest:
    body = {"model": "m", "messages": list(messages) or [HELLO], **fields}
    return read_completion(msgspec.json.encode(body), {}, Config())[0]


def test_system_messages_at_the_beginning_are_instructions() -> None:
    request = read(
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        HELLO,
        {"role": "system", "content": "Now be long."},
    )
    assert request.fields.instructions == "Be brief.\n\nBe kind."
    assert [item["role"] for item in request.items] == ["user", "system"]


def test_a_lonely_system_message_is_all_that_is_said() -> None:
    request = read({"role": "system", "content": "Say something."})
    assert request.fields.instructions is None
    assert request.items == [{"type": "message", "role": "system", "content": "Say something."}]


def test_a_whole_talk() -> None:
    url = "data:image/png;base64,AA=="
    image = {
        "type": "image_url",
        "image_url": {"url": url, "detail": "low"},
    }
    request = read(
        {"role": "user", "content": [{"type": "text", "text": "See?"}, image]},
        {"role": "assistant", "content": "Let me see.", "tool_calls": CALLS, "name": "Ada"},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "2"}]},
        {"role": "assistant", "content": None, "refusal": "No.", "reasoning_content": "Hm."},
        {"role": "assistant", "content": None, "tool_calls": CALLS[:1]},
    )
    assert [item["type"] for item in request.items] == [
        *("message", "message", "function_call", "function_call"),
        *("function_call_output", "function_call_output", "message", "function_call"),
    ]
    assert request.items[0]["content"] == [
        {"type": "input_text", "text": "See?"},
        {"type": "input_image", "image_url": url, "detail": "low"},
    ]
    assert request.items[6]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_a_talk_comes_back_as_it_was() -> None:
    url = {"url": "https://example.org/a.png", "detail": "auto"}
    said: list[Json] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Add."},
        {"role": "assistant", "content": "So.", "refusal": None, "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        {"role": "tool", "tool_call_id": "call_2", "content": "2"},
        {"role": "assistant", "content": None, "refusal": None, "tool_calls": CALLS[:1]},
    ]
    request = read(*said, {"role": "user", "content": [{"type": "image_url", "image_url": url}]})
    items = [canonical(item) for item in request.items]
    assert messages_of(request.fields.instructions, items) == [
        *said,
        {
            "role": "user",
            "content": None,
            "content_parts": [{"type": "image_url", "image_url": url}],
        },
    ]


def test_what_is_said_in_other_words() -> None:
    schema = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    request = read(
        max_completion_tokens=7,
        logprobs=True,
        top_logprobs=2,
        reasoning_effort="low",
        verbosity="low",
        response_format={"type": "json_schema", "json_schema": schema},
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        stop=["."],
        seed=7,
        temperature=0.5,
        parallel_tool_calls=False,
        modalities=["text"],
        n=1,
    )
    assert request.parameters == {
        "max_output_tokens": 7,
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 2,
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low", "format": {"type": "json_schema", **schema}},
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "stop": ["."],
        "seed": 7,
        "temperature": 0.5,
        "parallel_tool_calls": False,
    }


@pytest.mark.parametrize("choice", ["none", "auto", "required"])
def test_plain_tool_choices_stay(choice: str) -> None:
    assert read(tool_choice=choice).parameters == {"tool_choice": choice}


def test_allowed_tools() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    allowed = {"mode": "required", "tools": [tool]}
    request = read(tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert request.parameters["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"functions": []}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens"),
        ({"top_logprobs": 1}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "hi"}, "input"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "x"}]}]},
            "messages[0].content[0].type",
        ),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_is_refused_is_named(fields: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.param == param
