"""One contract for the three lives of the Engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Literal

import pytest

from app.config import Config
from app.engine.local_server import LocalServer
from app.engine.open import open_engine
from app.engine.types import Engine, EngineRequest, Item
from app.errors import EngineRefused, StartError
from tests.support.engine import KEY, FakeEngine
from tests.support.engine_calls import answer, ask, output_text, types, user

TOOL: Item = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
CALL: Item = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city": "Paris"}',
}
OUTPUT: Item = {"type": "function_call_output", "call_id": "call_1", "output": "20 degrees"}


@pytest.fixture(params=("responses", "chat", "local"))
async def engine(
    request: pytest.FixtureRequest, fake_engine: FakeEngine, local_server: LocalServer
) -> AsyncIterator[Engine]:
    configs = {
        "responses": Config(engine_url=fake_engine.url, engine_api_key=KEY),
        "chat": Config(engine_kind="chat", engine_url=fake_engine.url, engine_api_key=KEY),
        "local": Config(local_engine_url=local_server.url),
    }
    async with open_engine(configs[request.param]) as engine:
        yield engine


async def test_a_text_comes_in_the_documented_order(engine: Engine) -> None:
    events = await answer(engine, ask("Say hi. [[say:Hi, you there.]]", max_output_tokens=30))
    deltas = [event["delta"] for event in events if event["type"].endswith("text.delta")]
    assert types(events) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * len(deltas),
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        events[-1]["type"],
    ]
    assert len(deltas) > 1
    done = next(event for event in events if event["type"] == "response.output_text.done")
    assert "".join(deltas) == done["text"] == output_text(events)
    assert len({event["item_id"] for event in events if "item_id" in event}) == 1


async def test_the_last_event_tells_the_usage(engine: Engine) -> None:
    usage = (await answer(engine, ask("Say hi.")))[-1]["response"]["usage"]
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"]["cached_tokens"] >= 0


async def test_an_answer_cut_off_is_incomplete(engine: Engine) -> None:
    request = ask("Tell me a long story. [[incomplete]]", max_output_tokens=3)
    last = (await answer(engine, request))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["status"] == "incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


async def test_calls_and_their_outputs_are_context(engine: Engine) -> None:
    request = EngineRequest(
        model="@oi/beta",
        input=[user("How is the weather in Paris?"), CALL, OUTPUT],
        instructions="Answer in one sentence.",
        parameters={"tools": [TOOL], "tool_choice": "auto", "temperature": 0},
    )
    assert "20 degrees" in output_text(await answer(engine, request))


async def test_a_talk_of_many_turns(engine: Engine) -> None:
    said: Item = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hello!", "annotations": []}],
    }
    system: Item = {"role": "developer", "content": "Be brief."}
    talk = [system, user("Hi"), said, user("And now?"), said, user("Bye")]
    request = EngineRequest(model="@oi/beta", input=talk, parameters={"max_output_tokens": 5})
    assert output_text(await answer(engine, request))


async def test_a_model_that_does_not_exist_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineRefused) as refused:
        await answer(engine, ask("Hi", model="gpt-nothing"))
    assert refused.value.status in (400, 404)
    assert (refused.value.param, refused.value.code) == ("model", "model_not_found")
    assert "'gpt-nothing' does not exist" in refused.value.message


async def test_a_hosted_tool_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineRefused) as refused:
        await answer(engine, ask("Hi", tools=[{"type": "web_search"}]))
    assert (refused.value.status, refused.value.param) == (400, "tools")


async def test_models(engine: Engine) -> None:
    assert "@oi/beta" in [model.id for model in await engine.models()]


async def test_an_engine_that_is_left_serves_the_next(engine: Engine) -> None:
    story = ask("Tell me a story. [[words:5000]] [[delay:0.01]]", max_output_tokens=4000)
    for _ in range(4):
        async with aclosing(engine.stream(story)) as batches:
            async for batch in batches:
                if "response.output_text.delta" in types(batch):
                    break
    async with asyncio.timeout(10):
        assert output_text(await answer(engine, ask("Hi")))


async def test_twenty_at_once(engine: Engine) -> None:
    requests = [ask(f"Say {number}.", max_output_tokens=2) for number in range(20)]
    answers = await asyncio.gather(*(answer(engine, request) for request in requests))
    assert all(output_text(events) for events in answers)


async def test_nothing_said_is_answered(engine: Engine) -> None:
    assert await answer(engine, ask("", max_output_tokens=2))


async def test_the_engine_gets_the_whole_request_and_keeps_nothing(
    fake_engine: FakeEngine,
) -> None:
    config = Config(engine_url=fake_engine.url.removesuffix("/v1"), engine_api_key=KEY)
    request = EngineRequest(
        model="test-model",
        input=[user("Hi")],
        instructions="Be brief.",
        parameters={"temperature": 0.5, "some_new_field": {"a": 1}},
        user="a1b2",
    )
    async with open_engine(config) as engine:
        await answer(engine, request)
    assert fake_engine.last.body == {
        "model": "test-model",
        "input": [user("Hi")],
        "instructions": "Be brief.",
        "temperature": 0.5,
        "some_new_field": {"a": 1},
        "user": "a1b2",
        "stream": True,
        "store": False,
    }


@pytest.mark.parametrize("kind", ["responses", "chat"])
async def test_a_call_comes_in_the_documented_order(
    fake_engine: FakeEngine, kind: Literal["responses", "chat"]
) -> None:
    config = Config(engine_kind=kind, engine_url=fake_engine.url, engine_api_key=KEY)
    async with open_engine(config) as engine:
        events = await answer(engine, ask('[[call:get_weather {"city": "Paris"}]]', tools=[TOOL]))
    assert [name for name in types(events) if not name.endswith(".delta")] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    [call] = events[-1]["response"]["output"]
    assert (call["name"], call["arguments"]) == ("get_weather", '{"city": "Paris"}')


async def test_one_connection_serves_one_call_after_the_other(fake_engine: FakeEngine) -> None:
    config = Config(engine_url=fake_engine.url, engine_api_key=KEY, engine_connections_max=1)
    async with open_engine(config) as engine:
        for _ in range(5):
            await answer(engine, ask("Hi"))
    assert len({received.peer for received in fake_engine.received}) == 1


@pytest.mark.parametrize("kind", ["responses", "chat"])
async def test_a_reader_that_stops_at_the_last_event_costs_no_connection(
    fake_engine: FakeEngine, kind: Literal["responses", "chat"]
) -> None:
    config = Config(
        engine_url=fake_engine.url, engine_kind=kind, engine_api_key=KEY, engine_connections_max=1
    )
    async with open_engine(config) as engine:
        for _ in range(5):
            async with aclosing(engine.stream(ask("Hi"))) as batches:
                async for batch in batches:
                    if "response.completed" in types(batch):
                        break
    assert len({received.peer for received in fake_engine.received}) == 1


async def test_the_local_engine_sees_no_images() -> None:
    image: Item = {"type": "input_image", "image_url": "data:image/png;base64,AA"}
    request = EngineRequest(model="@oi/beta", input=[{"role": "user", "content": [image]}])
    async with open_engine(Config(local_engine_url="http://127.0.0.1:9")) as engine:
        with pytest.raises(EngineRefused) as refused:
            await answer(engine, request)
    assert (refused.value.param, refused.value.code) == ("input", "unsupported_image")


async def test_a_prompt_above_the_local_engines_context_is_refused(
    local_server: LocalServer,
) -> None:
    async with open_engine(Config(local_engine_url=local_server.url)) as engine:
        with pytest.raises(EngineRefused) as refused:
            await answer(engine, ask("frog " * 5000))
    assert (refused.value.status, refused.value.code) == (400, "context_length_exceeded")


async def test_no_engine_at_all() -> None:
    with pytest.raises(StartError):
        async with open_engine(Config()):
            pass
