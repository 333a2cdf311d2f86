"""What an engine leaves out is filled in, and what it breaks off is closed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import EngineBroken
from app.ids import ResponseId, new_id
from app.responses.complete import Completer
from app.responses.resource import new_resource
from app.responses.types import CreateRequest, ResponseFields
from app.web.frames import data_of
from tests.support.standard import check_events

Json = dict[str, Any]

REASONING: Json = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "in short"}],
    "content": [{"type": "reasoning_text", "text": "let me think"}],
}
MESSAGE: Json = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": [
        {"type": "output_text", "text": "Hello there"},
        {"type": "refusal", "refusal": "No"},
    ],
    "phase": "commentary",
}
CALL: Json = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city": "Paris"}',
}
SEARCH: Json = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "failed",
    "action": {"type": "search", "query": "x"},
}
OUTPUT = [REASONING, MESSAGE, CALL, SEARCH]


def events_of(output: list[Json]) -> list[Json]:
    """All events of an answer, as an engine that leaves nothing out sends them."""
    events: list[Json] = [{"type": "response.created", "response": {}}]
    for index, item in enumerate(output):
        where = {"item_id": item["id"], "output_index": index}
        empty: Json = {"message": {"content": []}, "reasoning": {"summary": []}}.get(
            item["type"], {}
        )
        added = {k: v for k, v in item.items() if k not in ("content", "summary", "status")}
        events.append(_item_event("added", index, {**added, **empty}))
        for n, part in enumerate(item.get("summary", [])):
            events += _text_events("reasoning_summary", where | {"summary_index": n}, part)
        for n, part in enumerate(item.get("content", [])):
            events += _text_events("content", where | {"content_index": n}, part)
        if item["type"] == "function_call":
            events += _argument_events(where, item)
        events.append(_item_event("done", index, item))
    return [*events, {"type": "response.completed", "response": {"output": output}}]


def _item_event(what: str, index: int, item: Json) -> Json:
    return {"type": f"response.output_item.{what}", "output_index": index, "item": item}


def _text_events(part_name: str, where: Json, part: Json) -> list[Json]:
    field = "refusal" if part["type"] == "refusal" else "text"
    name = "reasoning_summary_text" if part["type"] == "summary_text" else part["type"]
    half = len(part[field]) // 2
    return [
        {"type": f"response.{part_name}_part.added", **where, "part": {**part, field: ""}},
        {"type": f"response.{name}.delta", **where, "delta": part[field][:half]},
        {"type": f"response.{name}.delta", **where, "delta": part[field][half:]},
        {"type": f"response.{name}.done", **where, field: part[field]},
        {"type": f"response.{part_name}_part.done", **where, "part": part},
    ]


def _argument_events(where: Json, item: Json) -> list[Json]:
    name = "response.function_call_arguments"
    half = len(item["arguments"]) // 2
    return [
        {"type": f"{name}.delta", **where, "delta": item["arguments"][:half]},
        {"type": f"{name}.delta", **where, "delta": item["arguments"][half:]},
        {"type": f"{name}.done", **where, "arguments": item["arguments"], "name": item["name"]},
    ]


def a_completer(*, background: bool = False) -> Completer:
    request = CreateRequest(
        fields=ResponseFields(model="m"), items=[], parameters={}, conversation=None
    )
    resource = new_resource(
        request, ResponseId(new_id()), 0, previous_response=None, conversation=None
    )
    return Completer({**resource, "background": background}, {})


def told(completer: Completer, *events: Json) -> list[Json]:
    """The events that a client gets, with the last one where there is one."""
    frames = [frame for event in events for frame in completer.add(event)]
    if completer.ended:
        frames.append(completer.last_frame())
    return decoded(frames)


def decoded(frames: list[bytes]) -> list[Json]:
    return [msgspec.json.decode(data_of(frame)) for frame in frames]


def said(output: list[Json]) -> list[Json]:
    """The output but for ids and what is empty."""
    left_out = ("id", "annotations", "logprobs", "status")
    return [
        {
            name: said(value) if name in ("content", "summary") else value
            for name, value in item.items()
            if name not in left_out
        }
        for item in output
    ]


def in_any_order(output: list[Json]) -> list[Json]:
    return sorted(said(output), key=lambda item: str(item["type"]))


EVENTS = events_of(OUTPUT)
NO_DELTAS = [n for n, e in enumerate(EVENTS[:-1]) if not e["type"].endswith(".delta")]
WHERE = ("item_id", "output_index", "content_index", "summary_index")
TEXTS = ("delta", "arguments.done", "text.done", "refusal.done")


def test_a_whole_stream_stays_as_it_is() -> None:
    events = told(a_completer(), *EVENTS)
    check_events(events)
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        *(event["type"] for event in EVENTS[1:]),
    ]
    assert said(events[-1]["response"]["output"]) == said(OUTPUT)
    assert events[-1]["response"]["output"][3]["status"] == "failed"


@given(
    left_out=st.sets(st.sampled_from(NO_DELTAS)),
    fields=st.sets(st.sampled_from(WHERE)),
    deltas=st.booleans(),
    last_says=st.booleans(),
)
def test_whatever_an_engine_leaves_out(
    left_out: set[int], fields: set[str], deltas: bool, last_says: bool
) -> None:
    events = [
        {name: value for name, value in event.items() if name not in fields}
        for number, event in enumerate(EVENTS[:-1])
        if number not in left_out and (deltas or not event["type"].endswith(".delta"))
    ]
    last = EVENTS[-1] if last_says else {"type": "response.completed"}
    completed = told(a_completer(), *events, last)
    check_events(completed)
    if last_says:
        assert in_any_order(completed[-1]["response"]["output"]) == in_any_order(OUTPUT)


@pytest.mark.parametrize(
    "kept",
    [
        ("output_item.done",),
        ("output_item.added", "delta"),
        ("output_item.added", "delta", "output_item.done"),
        ("delta", "output_item.done"),
        ("part.added", "delta", "output_item.done"),
        ("output_item.added", "part.done", *TEXTS),
        (),
    ],
)
@pytest.mark.parametrize("bare", [True, False])
def test_engines_that_send_only_some_events(kept: tuple[str, ...], bare: bool) -> None:
    events = [
        {name: value for name, value in event.items() if not bare or name not in WHERE}
        for event in EVENTS[:-1]
        if event["type"].endswith(kept) and kept
    ]
    completed = told(a_completer(), *events, EVENTS[-1])
    check_events(completed)
    output = completed[-1]["response"]["output"]
    assert in_any_order(output) == in_any_order(OUTPUT)


@pytest.mark.parametrize("length", range(1, len(EVENTS)))
def test_a_break_closes_what_is_open(length: int) -> None:
    completer = a_completer()
    frames = [frame for event in EVENTS[:length] for frame in completer.add(event)]
    frames += completer.fail(EngineBroken("The engine broke off."))
    events = decoded([*frames, completer.last_frame()])
    check_events(events)
    assert events[-1]["type"] == "response.failed"
    done = sum(event["type"] == "response.output_item.done" for event in EVENTS[:length])
    statuses = [item.get("status") for item in events[-1]["response"]["output"]]
    assert statuses[done:] in ([], ["incomplete"])


def test_one_index_for_every_item() -> None:
    events = [event | {"output_index": 0} if "output_index" in event else event for event in EVENTS]
    completed = told(a_completer(), *events)
    check_events(completed)
    assert said(completed[-1]["response"]["output"]) == said(OUTPUT)


def test_a_call_waits_for_its_name() -> None:
    argument_events = [event for event in EVENTS if "function_call_arguments" in event["type"]]
    completer = a_completer()
    assert [e["type"] for e in told(completer, *argument_events)] == [
        "response.created",
        "response.in_progress",
    ]
    events = told(completer, {"type": "response.output_item.done", "item": CALL})
    assert [event["type"].removeprefix("response.") for event in events] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert events[0]["item"]["name"] == events[2]["name"] == "get_weather"
    assert events[2]["arguments"] == CALL["arguments"]


def test_types_that_nobody_knows_pass() -> None:
    completer = a_completer()
    new: Json = {"type": "response.dance.step", "item_id": "d_1", "output_index": 7, "step": 3}
    events = told(
        completer,
        new,
        _item_event("added", 7, {"id": "d_1", "type": "dance", "beat": "slow"}),
        new,
        _item_event("done", 7, {"id": "d_1", "type": "dance", "beat": "slow"}),
        {"type": "weather.report", "rain": True},
        {"type": "response.completed"},
    )
    check_events(events)
    (dance,) = events[-1]["response"]["output"]
    assert (dance["type"], dance["beat"], dance["status"]) == ("dance", "slow", "completed")
    steps = [event for event in events if event["type"] == "response.dance.step"]
    assert steps[0]["item_id"] == "d_1"
    assert (steps[1]["item_id"], steps[1]["output_index"]) == (dance["id"], 0)
    assert events[-2]["rain"] is True


def test_the_standard_s_own_name_for_reasoning() -> None:
    events = told(
        a_completer(),
        {"type": "response.reasoning.delta", "item_id": "rs_1", "delta": "hm"},
        {"type": "response.reasoning.done", "item_id": "rs_1", "text": "hm"},
        {"type": "response.completed"},
    )
    check_events(events)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "hm"


def test_one_in_the_background_is_queued_first() -> None:
    events = told(a_completer(background=True), {"type": "response.completed"})
    check_events(events)
    assert [event["response"]["status"] for event in events] == [
        "queued",
        "queued",
        "in_progress",
        "completed",
    ]


def test_a_cancelled_response_ends_with_the_text_so_far() -> None:
    completer = a_completer()
    events = told(
        completer,
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "so far"},
    )
    closing = decoded([*completer.cancel(), completer.last_frame()])
    check_events(events + closing)
    last = closing[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["status"] == "cancelled"
    assert last["response"]["error"] is None
    assert last["response"]["output"][0]["content"][0]["text"] == "so far"
