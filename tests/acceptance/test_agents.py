"""OpenAI's Agents SDK, unchanged: tools, handoffs and sessions on what Backstory keeps."""

from collections.abc import Iterator
from typing import Any

import pytest
from agents import (
    Agent,
    Model,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIConversationsSession,
    OpenAIResponsesModel,
    Runner,
    SQLiteSession,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel

from tests.support.heard import something

MODEL = "@oi/beta"
FREE = ModelSettings(temperature=0, extra_body={"cache": False})
MUST_CALL = ModelSettings(temperature=0, tool_choice="required", extra_body={"cache": False})
"""The bundled model calls a function only where it must; after that the SDK lets it speak."""

WEATHER = '[[call:get_weather {"city": "Paris"}]] Say hi to Paris.'


@pytest.fixture(autouse=True)
def _no_tracing() -> Iterator[None]:
    """Traces would be sent to OpenAI."""
    set_tracing_disabled(True)
    yield
    set_tracing_disabled(False)


@pytest.fixture
def model(client: AsyncOpenAI) -> Model:
    return OpenAIResponsesModel(MODEL, client)


def agent(model: Model, **fields: Any) -> Agent[Any]:
    return Agent(**{"name": "helper", "model": model, "model_settings": FREE, **fields})


@function_tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"Sunny in {city}"


@pytest.mark.supports("openai-agents: a run")
async def test_a_run(model: Model, client: AsyncOpenAI) -> None:
    done = await Runner.run(agent(model), "Say hi.")
    assert done.final_output
    assert done.last_response_id
    stored = await client.responses.retrieve(done.last_response_id)
    assert stored.output_text == done.final_output


@pytest.mark.supports("openai-agents: a streamed run")
async def test_a_streamed_run(model: Model) -> None:
    run = Runner.run_streamed(agent(model), "Say hi.")
    deltas = [
        event.data.delta
        async for event in run.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    assert "".join(deltas) == run.final_output


@pytest.mark.supports("openai-agents: tools")
async def test_tools(model: Model, client: AsyncOpenAI) -> None:
    helper = agent(model, tools=[get_weather], model_settings=MUST_CALL)
    done = await Runner.run(helper, WEATHER)
    assert [item.type for item in done.new_items] == [
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]
    assert done.new_items[1].output == "Sunny in Paris"
    assert done.last_response_id
    sent = client.responses.input_items.list(done.last_response_id, order="asc")
    assert [item.type async for item in sent] == [
        "message",
        "function_call",
        "function_call_output",
    ]


@pytest.mark.supports("openai-agents: tools")
async def test_tools_in_a_streamed_run(model: Model) -> None:
    helper = agent(model, tools=[get_weather], model_settings=MUST_CALL)
    run = Runner.run_streamed(helper, WEATHER)
    names = [e.name async for e in run.stream_events() if e.type == "run_item_stream_event"]
    assert names == ["tool_called", "tool_output", "message_output_created"]
    assert run.final_output


@pytest.mark.supports("openai-agents: handoff")
async def test_handoff(model: Model) -> None:
    other = agent(model, name="french")
    first = agent(model, handoffs=[other], model_settings=MUST_CALL)
    done = await Runner.run(first, "[[call:transfer_to_french]] Say hi.")
    assert done.last_agent is other
    assert done.final_output
    assert [item.type for item in done.new_items] == [
        "handoff_call_item",
        "handoff_output_item",
        "message_output_item",
    ]


@pytest.mark.supports("openai-agents: output_type")
async def test_an_output_type(model: Model) -> None:
    class City(BaseModel):
        name: str

    helper = agent(model, output_type=City)
    done = await Runner.run(helper, '[[say:{"name": "Paris"}]] The capital of France?')
    assert isinstance(done.final_output, City)


@pytest.mark.supports("openai-agents: previous_response_id")
async def test_tools_by_previous_response(model: Model, client: AsyncOpenAI) -> None:
    """The SDK then sends only what is new."""
    begun = await Runner.run(agent(model), "Say hi.", auto_previous_response_id=True)
    helper = agent(model, tools=[get_weather], model_settings=MUST_CALL)
    done = await Runner.run(helper, WEATHER, previous_response_id=begun.last_response_id)
    assert done.final_output
    assert done.last_response_id
    sent = client.responses.input_items.list(done.last_response_id)
    assert [item.type async for item in sent] == ["function_call_output"]


@pytest.mark.supports("openai-agents: conversation_id")
async def test_tools_in_a_conversation(model: Model, client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create()
    helper = agent(model, tools=[get_weather], model_settings=MUST_CALL)
    done = await Runner.run(helper, WEATHER, conversation_id=conversation.id)
    assert done.final_output
    assert done.last_response_id
    stored = await client.responses.retrieve(done.last_response_id)
    assert stored.conversation
    assert stored.conversation.id == conversation.id


@pytest.mark.supports("openai-agents: a session of the client's own")
async def test_a_session_of_the_client(model: Model, client: AsyncOpenAI) -> None:
    """The session is a database in the client's memory; each run sends all that is in it."""
    session = SQLiteSession(something("session"))
    await Runner.run(agent(model), "Say hi.", session=session)
    done = await Runner.run(agent(model), "Say hello.", session=session)
    assert done.last_response_id
    sent = client.responses.input_items.list(done.last_response_id)
    assert len([item async for item in sent]) == 3
    session.close()


@pytest.mark.supports("openai-agents: OpenAIConversationsSession")
async def test_a_session_in_a_conversation(model: Model, client: AsyncOpenAI) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    helper = agent(model, tools=[get_weather], model_settings=MUST_CALL)
    await Runner.run(helper, WEATHER, session=session)
    done = await Runner.run(agent(model), "Say hello.", session=session)
    assert done.final_output
    items = await session.get_items()
    assert [item.get("type") for item in items] == [
        *("message", "function_call", "function_call_output", "message"),
        *("message", "message"),
    ]
    popped = await session.pop_item()
    assert popped
    assert len(await session.get_items()) == 5
    await session.clear_session()


@pytest.mark.supports("openai-agents: chat completions")
async def test_tools_by_chat_completions(client: AsyncOpenAI) -> None:
    model = OpenAIChatCompletionsModel(MODEL, client)
    helper = agent(model, tools=[get_weather], model_settings=MUST_CALL)
    done = await Runner.run(helper, WEATHER)
    assert done.new_items[1].output == "Sunny in Paris"
    assert done.final_output
