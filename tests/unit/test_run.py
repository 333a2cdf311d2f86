"""A run ends well whatever the engine sends, and whoever stops it."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from app.errors import TooManyRequests
from app.ids import KeyId, ProjectId, RequestId, ResponseId, UserId, new_id
from app.responses.complete import Completer
from app.responses.resource import new_resource
from app.responses.run import Run, Runs
from app.responses.types import Call, CreateRequest, ResponseFields
from app.usage.types import RequestRecord
from app.web.frames import data_of
from app.web.principal import Caller, Principal

BEGIN: list[dict[str, Any]] = [
    {"type": "response.created", "response": {}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "so far"},
]
MALFORMED: list[dict[str, Any]] = [
    {"type": "response.output_item.added", "output_index": 1},
    {"type": "response.output_item.done", "item": "x"},
    {"type": "response.completed", "response": "x"},
    {"type": "response.completed", "response": {"usage": {"input_tokens": "many"}}},
    {"type": "response.completed", "response": {"usage": {"input_tokens_details": [1]}}},
    {"type": "response.completed", "response": {"output": ["x"]}},
]


def a_run(events: list[dict[str, Any]], bytes_max: int = 10_000) -> Run:
    async def engine() -> AsyncGenerator[list[dict[str, Any]]]:
        yield events

    async def stays() -> None:
        await asyncio.Event().wait()

    principal = Principal(ProjectId(new_id()), KeyId(new_id()), frozenset())
    request = CreateRequest(
        fields=ResponseFields(model="m"), items=[], parameters={}, conversation=None
    )
    record = RequestRecord(
        principal.project,
        datetime.now(UTC),
        RequestId(new_id()),
        UserId(new_id()),
        principal.key,
        "POST /v1/responses",
    )
    call = Call(
        caller=Caller(principal),
        request=request,
        record=record,
        take_record=lambda: None,
        client_left=stays,
        started=0.0,
    )
    resource = new_resource(
        request, ResponseId(new_id()), 0, previous_response=None, conversation=None
    )
    return Run(call, Completer(resource, {}), engine(), bytes_max=bytes_max)


def last_event(run: Run) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(data_of(run.log.entries[-1]))
    return event


async def keep_nothing() -> None:
    """Stands for a commit that succeeds."""


@pytest.mark.parametrize("event", MALFORMED, ids=[str(event)[:60] for event in MALFORMED])
async def test_an_event_of_the_wrong_shape_keeps_the_text_so_far(event: dict[str, Any]) -> None:
    run = a_run([*BEGIN, event])
    await run.execute(keep_nothing)
    last = last_event(run)
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "engine_broken"
    assert last["response"]["output"][0]["content"][0]["text"] == "so far"


async def test_a_response_above_the_limit_ends_with_what_had_come() -> None:
    run = a_run(BEGIN, bytes_max=100)
    await run.execute(keep_nothing)
    last = last_event(run)
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "response_too_large"
    assert last["response"]["output"][0]["content"][0]["text"] == "so far"


async def test_an_error_that_is_a_word_is_an_error() -> None:
    run = a_run([*BEGIN, {"type": "response.failed", "response": {"error": "boom"}}])
    await run.execute(keep_nothing)
    assert last_event(run)["type"] == "response.failed"


async def test_a_stop_while_storing_waits_until_it_is_stored() -> None:
    storing, may_end = asyncio.Event(), asyncio.Event()

    async def keep() -> None:
        storing.set()
        await may_end.wait()

    run = a_run([*BEGIN, {"type": "response.completed", "response": {}}])
    task = asyncio.create_task(run.execute(keep))
    await storing.wait()
    task.cancel()
    may_end.set()
    await run.log.ended()
    assert last_event(run)["type"] == "response.completed"
    await asyncio.wait({task})


async def test_places_are_kept_while_responses_are_prepared() -> None:
    runs = Runs(1)
    with runs.place(), pytest.raises(TooManyRequests), runs.place():
        pass
    with runs.place():
        assert runs.count == 0
