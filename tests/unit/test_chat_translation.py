from typing import Any, get_args

import msgspec
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from app.engine.chat_chunk import decode_chunk
from app.engine.chat_events import ChatEvents
from app.engine.chat_request import chat_body, chat_messages
from app.engine.types import EngineRequest, Event, Item
from app.errors import EngineBroken, EngineRefused

CALL: Item = {"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{}"}
OUTPUT: Item = {"type": "function_call_output", "call_id": "c1", "output": "noon"}


def user(content: Any) -> Item:
    return {"type": "message", "role": "user", "content": content}


def body(**parameters: Any) -> dict[str, Any]:
    return chat_body(EngineRequest(model="m", input=[user("hi")], parameters=parameters))


def tool_call(call_id: str, name: str) -> Item:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def test_instructions_are_the_first_system_message() -> None:
    assert chat_messages("Be brief.", [user("hi")]) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]


def test_a_developer_is_the_system_and_a_message_needs_no_type() -> None:
    items: list[Item] = [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]}
    ]
    assert chat_messages(None, items) == [{"role": "system", "content": "Be kind."}]


def test_an_assistants_parts_are_one_text() -> None:
    content = [{"type": "output_text", "text": "Yes."}, {"type": "refusal", "refusal": "No more."}]
    item = {"type": "message", "role": "assistant", "content": content}
    assert chat_messages(None, [item]) == [{"role": "assistant", "content": "Yes.\nNo more."}]


def test_an_image_is_a_part() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}
    [message] = chat_messages(None, [user([{"type": "input_text", "text": "What?"}, image])])
    assert message["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
    ]


def test_calls_made_together_are_one_message_with_the_text_before_them() -> None:
    said = {"type": "message", "role": "assistant", "content": "Let me look."}
    second = CALL | {"call_id": "c2", "name": "where"}
    messages = chat_messages(None, [user("when?"), said, CALL, second, OUTPUT, CALL])
    calls = [tool_call("c1", "now"), tool_call("c2", "where")]
    assert messages[1:] == [
        {"role": "assistant", "content": "Let me look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
        {"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "now")]},
    ]


def test_an_output_may_be_parts() -> None:
    output = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    [message] = chat_messages(None, [OUTPUT | {"output": output}])
    assert message["content"] == "a\nb"


def test_images_of_tools_follow_as_a_users_when_all_tools_have_spoken() -> None:
    image = {"type": "input_image", "image_url": "https://x/a.png"}
    second = CALL | {"call_id": "c2", "name": "where"}
    shown = OUTPUT | {"output": [image, {"type": "input_text", "text": "A map."}]}
    messages = chat_messages(None, [CALL, second, shown, OUTPUT | {"call_id": "c2"}, user("So?")])
    assert [message["role"] for message in messages] == [
        "assistant",
        "tool",
        "tool",
        "user",
        "user",
    ]
    assert messages[1]["content"] == "A map."
    assert messages[3]["content"][1:] == [
        {"type": "image_url", "image_url": {"url": "https://x/a.png"}}
    ]
    alone = chat_messages(None, [CALL, OUTPUT | {"output": [image]}])
    assert [message["role"] for message in alone] == ["assistant", "tool", "user"]
    assert alone[1]["content"]


def test_what_only_its_own_engine_can_read_is_left_out() -> None:
    items: list[Item] = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        user("hi"),
    ]
    assert chat_messages(None, items) == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call", "name": "no_call_id"},
        {"type": "message", "role": "user"},
        user([{"type": "input_image", "file_id": "file-1"}]),
        user([{"type": "hologram"}]),
        user(7),
        {"type": "item_reference", "id": "msg_1"},
    ],
)
def test_what_chat_cannot_say_is_refused(item: Item) -> None:
    with pytest.raises(EngineRefused) as refused:
        chat_messages(None, [item])
    assert (refused.value.status, refused.value.param) == (400, "input")


def test_parameters_are_renamed_passed_on_or_left_out() -> None:
    sent = body(
        temperature=0,
        seed=7,
        max_output_tokens=50,
        top_logprobs=2,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
        include=["reasoning.encrypted_content"],
        truncation="auto",
        metadata={"a": "b"},
    )
    assert sent == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "seed": 7,
        "max_tokens": 50,
        "logprobs": True,
        "top_logprobs": 2,
        "reasoning_effort": "low",
        "verbosity": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    }


def test_a_text_format_needs_no_response_format() -> None:
    assert "response_format" not in body(text={"format": {"type": "text"}})
    assert body(text={"format": {"type": "json_object"}})["response_format"] == {
        "type": "json_object"
    }


def tool(name: str) -> Item:
    return {"type": "function", "name": name, "parameters": {"type": "object"}, "strict": None}


def test_tools_are_nested() -> None:
    sent = body(tools=[tool("now")], tool_choice={"type": "function", "name": "now"})
    function = {"name": "now", "parameters": {"type": "object"}}
    assert sent["tools"] == [{"type": "function", "function": function}]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "now"}}


def test_allowed_tools_are_a_shorter_list() -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [tool("now")]}
    sent = body(tools=[tool("now"), tool("where")], tool_choice=choice)
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["now"]
    assert sent["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice"),
    ],
)
def test_hosted_tools_are_refused(parameters: dict[str, Any], param: str) -> None:
    with pytest.raises(EngineRefused) as refused:
        body(**parameters)
    assert (refused.value.status, refused.value.param) == (400, param)


def events_of(*chunks: dict[str, Any]) -> list[Event]:
    events = ChatEvents(EngineRequest(model="m", input=[]), secret="sk-secret")
    decoded = [decode_chunk(msgspec.json.encode(chunk)) for chunk in chunks]
    begun = list(events.begin())
    return [*begun, *(event for chunk in decoded for event in events.feed(chunk)), *events.end()]


def chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def call(index: int, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **more}]}


def kinds(events: list[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def output_of(events: list[Event]) -> list[Item]:
    output: list[Item] = events[-1]["response"]["output"]
    return output


TEXT_EVENTS = [
    *("output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
    *("output_text.done", "content_part.done", "output_item.done"),
]


def test_a_text() -> None:
    events = events_of(
        chunk(content=""), chunk(content="Good "), chunk(content="day"), chunk("stop")
    )
    assert kinds(events) == ["created", "in_progress", *TEXT_EVENTS, "completed"]
    [message] = output_of(events)
    assert (message["status"], message["content"][0]["text"]) == ("completed", "Good day")


def test_reasoning_comes_before_the_text() -> None:
    for field in ("reasoning", "reasoning_content"):
        events = events_of(chunk(**{field: "Hm."}), chunk(content="Yes."), chunk("stop"))
        reasoning, message = output_of(events)
        assert reasoning["content"] == [{"type": "reasoning_text", "text": "Hm."}]
        assert (reasoning["type"], reasoning["summary"]) == ("reasoning", [])
        assert message["content"][0]["text"] == "Yes."
        added = [event["output_index"] for event in events if "item.added" in event["type"]]
        assert added == [0, 1]


def test_a_refusal() -> None:
    events = events_of(chunk(refusal="I will "), chunk(refusal="not."), chunk("stop"))
    assert output_of(events)[0]["content"] == [{"type": "refusal", "refusal": "I will not."}]
    assert kinds(events)[4:7] == ["refusal.delta", "refusal.delta", "refusal.done"]


def test_calls_that_come_interleaved() -> None:
    events = events_of(
        chunk(**call(0, id="a", function={"name": "f", "arguments": ""})),
        chunk(**call(1, id="b", function={"name": "g", "arguments": '{"y"'})),
        chunk(**call(0, function={"arguments": '{"x":1}'})),
        chunk(**call(1, function={"arguments": ":2}"})),
        chunk("tool_calls"),
    )
    assert [(item["call_id"], item["name"], item["arguments"]) for item in output_of(events)] == [
        ("a", "f", '{"x":1}'),
        ("b", "g", '{"y":2}'),
    ]


def test_calls_that_all_have_the_index_0() -> None:
    events = events_of(
        chunk(**call(0, id="a", function={"name": "f", "arguments": {"x": 1}})),
        chunk(**call(0, id="b", function={"name": "g", "arguments": "{}"})),
        chunk("tool_calls"),
    )
    assert [item["arguments"] for item in output_of(events)] == ['{"x":1}', "{}"]


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_cut_off_is_incomplete(finish: str, reason: str) -> None:
    events = events_of(chunk(content="Once"), chunk(finish))
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": reason}
    assert output_of(events)[0]["status"] == "incomplete"


def test_nothing_said_is_an_empty_message() -> None:
    assert output_of(events_of(chunk("stop")))[0]["content"][0]["text"] == ""


def test_usage_may_come_after_the_end_and_in_any_detail() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 3,
        "total_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": None,
    }
    events = events_of(chunk(content="x"), chunk("stop"), {"choices": [], "usage": usage})
    assert events[-1]["response"]["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 8,
    }


@pytest.mark.parametrize("finish", [None, "abort", "error"])
def test_an_answer_that_did_not_end_is_broken(finish: str | None) -> None:
    with pytest.raises(EngineBroken):
        events_of(chunk(finish, content="x"))


@pytest.mark.parametrize(
    "data", [b"7", b"{", b'{"choices": 7}', b'{"choices": [{"delta": {"content": 7}}]}']
)
def test_what_is_no_chunk_is_broken(data: bytes) -> None:
    with pytest.raises(EngineBroken):
        decode_chunk(data)


def test_an_error_among_the_chunks_is_raised_without_our_key() -> None:
    with pytest.raises(EngineBroken, match=r"out of memory for \[key\]"):
        events_of({"error": {"message": "out of memory for sk-secret", "code": 500}})
    with pytest.raises(EngineRefused) as refused:
        events_of({"error": {"message": "maximum context length is 10", "code": 400}})
    assert refused.value.code == "context_length_exceeded"


def test_events_are_those_of_the_openai_package() -> None:
    known = {get_args(event.model_fields["type"].annotation)[0] for event in _event_models()}
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    events = events_of(
        chunk(reasoning="Hm."),
        chunk(content="Yes."),
        chunk(refusal="No."),
        chunk(**call(0, id="a", function={"name": "f", "arguments": "{}"})),
        chunk("tool_calls"),
    )
    assert {event["type"] for event in events} <= known
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        if "response" not in event:  # `responses` completes these to the standard's shape
            adapter.validate_python(event)


def _event_models() -> tuple[Any, ...]:
    return get_args(get_args(ResponseStreamEvent)[0])
