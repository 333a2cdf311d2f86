"""The standard's fields, items and events, in and out; every answer is checked as it leaves."""

from typing import Any

import msgspec
import pytest

from tests.support.api import Api, Json, message, text_of
from tests.support.engine import FakeEngine
from tests.support.heard import heard, heard_once, something

SCHEMA: Json = {"type": "object", "properties": {"name": {"type": "string"}}}
TOOL: Json = {"type": "function", "name": "get_weather", "parameters": SCHEMA}
ASKED: list[tuple[str, Any, Any]] = [
    ("reasoning", {"effort": "low"}, {"effort": "low", "summary": None}),
    ("parallel_tool_calls", False, False),
    ("max_tool_calls", 3, 3),
    ("prompt_cache_key", "key", "key"),
    ("prompt_cache_retention", "24h", "24h"),
    ("safety_identifier", "hash", "hash"),
    ("top_logprobs", 2, 2),
    ("truncation", "disabled", "disabled"),
    ("text", {"verbosity": "low"}, {"format": {"type": "text"}, "verbosity": "low"}),
    ("tools", [TOOL], [{**TOOL, "description": None, "strict": None}]),
    (
        "text",
        {"format": {"type": "json_schema", "name": "City", "schema": SCHEMA}},
        {
            "format": {
                "type": "json_schema",
                "name": "City",
                "schema": SCHEMA,
                "description": None,
                "strict": False,
            }
        },
    ),
    ("service_tier", "flex", "default"),  # the engine says what it was
    ("include", ["reasoning.encrypted_content", "message.output_text.logprobs"], None),
    ("stream_options", {"include_obfuscation": False}, None),
]


@pytest.mark.parametrize(("name", "asked", "repeated"), ASKED)
async def test_a_field_is_sent_on_and_repeated(
    api: Api, shared_engine: FakeEngine, name: str, asked: Any, repeated: Any
) -> None:
    said = something()
    response = await api.respond(said, **{name: asked})
    assert heard_once(shared_engine, said)[name] == asked
    assert response.get(name) == repeated
    assert (await api.get(f"/v1/responses/{response['id']}")).body == response


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"reasoning": {"effort": 3}}, "reasoning.effort"),
        ({"reasoning": "high"}, "reasoning"),
        ({"parallel_tool_calls": "yes"}, "parallel_tool_calls"),
        ({"max_tool_calls": "3"}, "max_tool_calls"),
        ({"top_logprobs": 1.5}, "top_logprobs"),
        ({"service_tier": 1}, "service_tier"),
        ({"prompt_cache_key": 1}, "prompt_cache_key"),
        ({"prompt_cache_retention": 24}, "prompt_cache_retention"),
        ({"safety_identifier": []}, "safety_identifier"),
        ({"include": "all"}, "include"),
        ({"include": [1]}, "include[0]"),
        ({"stream_options": {"include_obfuscation": 1}}, "stream_options.include_obfuscation"),
        ({"text": {"verbosity": 1}}, "text.verbosity"),
        ({"text": {"format": {}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"name": "x"}]}, "tools[0].type"),
        ({"tools": [TOOL, {**TOOL, "parameters": "{}"}]}, "tools[1].parameters"),
        ({"tool_choice": {}}, "tool_choice.type"),
    ],
)
async def test_a_field_of_the_wrong_type_is_named(api: Api, fields: Json, param: str) -> None:
    reply = await api.create(something(), **fields)
    assert reply.status == 400
    assert reply.error["param"] == param
    assert reply.error["type"] == "invalid_request_error"


GIVEN: list[Json] = [
    {"role": "user", "content": "no type, id or status"},
    {"type": "message", "role": "user", "content": "ours to come", "mood": {"calm": True}},
    {
        **message("a thought aloud", "assistant"),
        "id": "msg_of_another",
        "status": "completed",
        "phase": "commentary",
    },
    {
        "type": "reasoning",
        "id": "rs_of_another",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "c2VjcmV0",
    },
    {"type": "custom_tool_call", "call_id": "call_9", "name": "grep", "input": "x"},
    {"type": "custom_tool_call_output", "call_id": "call_9", "output": "y"},
    {"type": "dance_call", "beat": {"tempo": 120}},
]


async def test_items_keep_all_that_they_came_with(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    first = await api.respond([*GIVEN, message(said)])
    await api.respond(f"{said} again", previous_response_id=first["id"])
    listed = await api.get(f"/v1/responses/{first['id']}/input_items?order=asc")
    for sent in (
        heard(shared_engine, said)[0].body["input"],
        heard(shared_engine, said)[1].body["input"],
        listed.body["data"],
    ):
        for given, got in zip(GIVEN, sent, strict=False):
            kept = {k: v for k, v in given.items() if k not in ("id", "status", "content")}
            assert {name: got[name] for name in kept} == kept
            assert got["type"] == given.get("type", "message")
    ids = [item["id"] for item in listed.body["data"]]
    assert len(set(ids)) == len(GIVEN) + 1
    assert "rs_of_another" not in ids


@pytest.mark.parametrize(
    "script",
    [
        "[[think:hm let me see]]",
        "[[think:hm let me see]] [[bare]]",
        '[[think:hm let me see]] [[call:get_weather {"city": "Paris"}]]',
        "[[novel]] [[think:hm]]",
        "[[novel]] [[bare]]",
        "[[only:delta]]",
        "[[only:delta]] [[bare]] [[think:hm let me see]]",
        "[[only:output_item.done]]",
        "[[only:added,delta]] [[think:hm let me see]]",
        "[[only:nothing]] [[think:hm]] [[novel]]",
        '[[only:delta]] [[bare]] [[call:get_weather {"city": "Paris"}]]',
        '[[only:nothing]] [[call:get_weather {"city": "Paris"}]]',
    ],
)
async def test_engines_that_leave_events_out(api: Api, script: str) -> None:
    """The same output reaches the client in its events, its response, and what is stored."""
    streamed = await api.stream(something(script), tools=[TOOL])
    assert streamed.done
    path = f"/v1/responses/{streamed.response['id']}"
    assert (await api.get(path)).body == streamed.response
    again = (await api.get(f"{path}?stream=true")).raw.split(b"\n\n")[:-2]
    events = [msgspec.json.decode(frame.partition(b"\ndata: ")[2]) for frame in again]
    assert events == streamed.events
    deltas = [e["delta"] for e in streamed.events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == text_of(streamed.response)


async def test_reasoning_comes_back_to_the_engine(api: Api, shared_engine: FakeEngine) -> None:
    said = something("[[think:hm let me see]]")
    first = await api.respond(said)
    assert [item["type"] for item in first["output"]] == ["reasoning", "message"]
    assert "status" not in first["output"][0]
    assert first["output"][0]["encrypted_content"] == "c2VjcmV0"
    await api.respond("go on", previous_response_id=first["id"])
    sent = heard(shared_engine, said)[-1].body["input"][1]
    assert sent["encrypted_content"] == "c2VjcmV0"
    assert sent["content"] == [{"type": "reasoning_text", "text": "hm let me see"}]


async def test_what_nobody_knows_is_kept(api: Api, shared_engine: FakeEngine) -> None:
    said = something("[[novel]]")
    streamed = await api.stream(said)
    assert "weather.changed" in streamed.types
    dance = streamed.response["output"][0]
    steps = [e for e in streamed.events if e["type"] == "response.dance_call.step"]
    assert [(e["item_id"], e["foot"]) for e in steps] == [(dance["id"], 1)]
    assert dance["beat"] == {"tempo": 120}
    await api.respond("go on", previous_response_id=streamed.response["id"])
    sent = heard(shared_engine, said)[-1].body["input"][1]
    assert (sent["type"], sent["beat"]) == ("dance_call", {"tempo": 120})


async def test_a_break_closes_what_is_open(api: Api) -> None:
    streamed = await api.stream(something("[[think:hm let me see]] [[break:6]]"))
    assert streamed.types[-1] == "response.failed"
    assert streamed.types[-2] == "response.output_item.done"
    (thought,) = streamed.response["output"]
    assert thought["status"] == "incomplete"
    assert (await api.get(f"/v1/responses/{streamed.response['id']}")).body == streamed.response
