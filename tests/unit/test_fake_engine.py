"""The test engine keeps OpenInfer's rules, or every test against it says nothing."""

from typing import Any

import aiohttp
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from tests.support.engine import KEY, FakeEngine
from tests.support.engine_events import response_events
from tests.support.engine_script import Script, answer_text, parse_script

HI: dict[str, Any] = {"model": "@oi/beta", "input": "Hi", "stream": True}


@pytest.mark.parametrize(
    "script",
    [
        Script(),
        Script(words=20, deltas=3),
        Script(refuse=True),
        Script(think="let me see"),
        Script(call='f {"a": 1}'),
        Script(incomplete=True),
        Script(failed=True),
    ],
)
def test_its_events_are_those_of_the_openai_package(script: Script) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    events = list(response_events(HI, script, answer_text(script, "Hi")))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        assert adapter.validate_python(event).type == event["type"]


def test_magic_words_are_taken_out_of_the_message() -> None:
    script, message = parse_script("Tell [[words:3]] me [[break:5]] [[bare]]")
    assert (script.words, script.break_at, script.bare) == (3, 5, True)
    assert message == "Tell  me"
    assert answer_text(script, message) == answer_text(script, message)


async def ask(engine: FakeEngine, **body: Any) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{engine.url}/responses", json=body) as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"stream": False}, 400, "stream"),
        ({"stream": None}, 400, "stream"),
        ({"model": "gpt-nothing"}, 404, "model"),
        ({"tools": [{"type": "web_search"}]}, 400, "tools"),
        ({"previous_response_id": "resp_1"}, 400, "previous_response_id"),
        ({"input": None}, 400, "input"),
    ],
)
async def test_what_it_refuses(
    fake_engine: FakeEngine, change: dict[str, Any], status: int, param: str
) -> None:
    answered, text = await ask(fake_engine, **HI | change)
    assert (answered, f'"param":"{param}"' in text) == (status, True)


async def test_only_the_head_can_be_continued(fake_engine: FakeEngine) -> None:
    _, first = await ask(fake_engine, **HI)
    head = first.split('"id":"')[1].split('"')[0]
    assert head.startswith("resp_")
    assert (await ask(fake_engine, **HI, previous_response_id=head))[0] == 200
    status, text = await ask(fake_engine, **HI, previous_response_id=head)
    assert (status, "previous_response_not_found" in text) == (400, True)
