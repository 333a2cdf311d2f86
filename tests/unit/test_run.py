"""A run ends well whatever the engine sends, and whoever stops it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from app.errors import TooManyRequests
from app.responses.run import Run, Runs
from app.web.frames import data_of
from tests.support.runs import keep_nothing, run_of

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

    return run_of(engine(), bytes_max)


def last_event(run: Run) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(data_of(run.log.entries[-1]))
    return event


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
