"""What an engine leaves out is filled in, and what it breaks off is closed."""

from typing import Any

import msgspec

from app.ids import ResponseId, new_id
from app.responses.complete import Completer
from app.responses.resource import new_resource
from app.responses.types import CreateRequest, ResponseFields
from app.web.frames import data_of
from tests.support.standard import check_events

Json = dict[str, Any]


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
    return [msgspec.json.decode(data_of(frame)) for frame in frames]


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
    completer.cancel()
    last = msgspec.json.decode(data_of(completer.last_frame()))
    assert last["type"] == "response.incomplete"
    assert last["response"]["status"] == "cancelled"
    assert last["response"]["error"] is None
    assert last["response"]["output"][0]["content"][0]["text"] == "so far"
    assert last["sequence_number"] == len(events)
