"""LangChain's ChatOpenAI, unchanged: by responses, and by chat completions."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI
from pydantic import BaseModel, SecretStr

from tests.support.heard import something
from tests.support.service import Service

WEATHER = '[[call:get_weather {"city": "Paris"}]] Say hi to Paris.'


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"Sunny in {city}"


def chat(service: Service, **fields: Any) -> ChatOpenAI:
    return ChatOpenAI(
        model="@oi/beta",
        base_url=service.base_url,
        api_key=SecretStr(service.api_key),
        temperature=0,
        max_retries=0,
        extra_body={"cache": False},
        **fields,
    )


@pytest.fixture
def by_responses(service: Service) -> ChatOpenAI:
    return chat(service, use_responses_api=True, output_version="responses/v1")


@pytest.mark.supports("LangChain by responses: invoke")
async def test_invoke(by_responses: ChatOpenAI) -> None:
    said = await by_responses.ainvoke("Say hi.")
    assert said.text
    assert said.response_metadata["id"].startswith("resp_")
    assert said.usage_metadata
    assert said.usage_metadata["total_tokens"] > 0


@pytest.mark.supports("LangChain by responses: stream")
async def test_stream(by_responses: ChatOpenAI) -> None:
    whole: Any = None
    pieces = 0
    async for piece in by_responses.astream("Say hi."):
        whole = piece if whole is None else whole + piece
        pieces += bool(piece.text)
    assert pieces > 1
    assert whole.response_metadata["id"].startswith("resp_")
    assert whole.response_metadata["status"] == "completed"


@pytest.mark.supports("LangChain by responses: tools")
async def test_tools(by_responses: ChatOpenAI) -> None:
    caller = by_responses.bind_tools([get_weather], tool_choice="required")
    talk: list[BaseMessage] = [HumanMessage(WEATHER)]
    asked = await caller.ainvoke(talk)
    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    told = await get_weather.ainvoke(call)
    assert isinstance(told, ToolMessage)
    answer = await by_responses.bind_tools([get_weather]).ainvoke([*talk, asked, told])
    assert answer.text


@pytest.mark.supports("LangChain by responses: tools")
async def test_a_streamed_call(by_responses: ChatOpenAI) -> None:
    caller = by_responses.bind_tools([get_weather], tool_choice="required")
    whole: Any = None
    async for piece in caller.astream(WEATHER):
        whole = piece if whole is None else whole + piece
    assert [call["args"] for call in whole.tool_calls] == [{"city": "Paris"}]


@pytest.mark.supports("LangChain by responses: use_previous_response_id")
async def test_previous_response(service: Service, client: AsyncOpenAI) -> None:
    """LangChain finds the id in the last answer, and sends only what came after it."""
    model = chat(service, use_responses_api=True, use_previous_response_id=True)
    talk: list[BaseMessage] = [HumanMessage(something("Say hi."))]
    first = await model.ainvoke(talk)
    second = await model.ainvoke([*talk, first, HumanMessage("Say hello.")])
    stored = await client.responses.retrieve(second.response_metadata["id"])
    assert stored.previous_response_id == first.response_metadata["id"]
    sent = client.responses.input_items.list(stored.id)
    assert len([item async for item in sent]) == 1


@pytest.mark.supports("LangChain by responses: a history sent in full")
async def test_history(by_responses: ChatOpenAI) -> None:
    """Answers are sent back with their ids, as the service gave them."""
    talk: list[BaseMessage] = []
    for said in ("Say hi.", "Say hello.", "Say hi."):
        talk.append(HumanMessage(said))
        answer = await by_responses.ainvoke(talk)
        assert isinstance(answer, AIMessage)
        talk.append(answer)
    assert len(talk) == 6


@pytest.mark.supports("LangChain by responses: structured output")
async def test_structured_output(by_responses: ChatOpenAI) -> None:
    class City(BaseModel):
        name: str

    asked = '[[say:{"name": "Paris"}]] The capital of France?'
    found = await by_responses.with_structured_output(City).ainvoke(asked)
    assert isinstance(found, City)


# By chat completions, as LangChain does unless it is told otherwise


@pytest.fixture
def by_chat(service: Service) -> ChatOpenAI:
    return chat(service, use_responses_api=False)


@pytest.mark.supports("LangChain by chat completions: invoke")
async def test_chat_invoke(by_chat: ChatOpenAI) -> None:
    said = await by_chat.ainvoke("Say hi.")
    assert said.text
    assert said.response_metadata["finish_reason"] == "stop"
    assert said.usage_metadata


@pytest.mark.supports("LangChain by chat completions: stream")
async def test_chat_stream(by_chat: ChatOpenAI) -> None:
    pieces = [piece.text async for piece in by_chat.astream("Say hi.")]
    assert len([piece for piece in pieces if piece]) > 1


@pytest.mark.supports("LangChain by chat completions: tools")
async def test_chat_tools(by_chat: ChatOpenAI) -> None:
    caller = by_chat.bind_tools([get_weather], tool_choice="required")
    talk: list[BaseMessage] = [HumanMessage(WEATHER)]
    asked = await caller.ainvoke(talk)
    (call,) = asked.tool_calls
    told = await get_weather.ainvoke(call)
    answer = await by_chat.bind_tools([get_weather]).ainvoke([*talk, asked, told])
    assert answer.text


@pytest.mark.supports("LangChain by chat completions: structured output")
async def test_chat_structured_output(by_chat: ChatOpenAI) -> None:
    class City(BaseModel):
        name: str

    asked = '[[say:{"name": "Paris"}]] The capital of France?'
    found = await by_chat.with_structured_output(City, method="json_schema").ainvoke(asked)
    assert isinstance(found, City)
