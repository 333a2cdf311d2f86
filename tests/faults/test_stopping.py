"""SIGTERM while engines stream: what ends in time is whole, what does not is stored as it is."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import ResponseStreamEvent

from tests.support.engine import FakeEngine
from tests.support.postgres_fixtures import data_folder
from tests.support.serving import Serving, end

DRAIN_SECONDS = 3


@pytest.fixture(scope="module")
def folder(exported_models: Path) -> Iterator[Path]:
    with data_folder() as path:
        (path / "data").mkdir()
        (path / "data" / "models").symlink_to(exported_models)
        yield path / "data"


async def test_a_stream_that_ends_in_time_is_whole(folder: Path, fake_engine: FakeEngine) -> None:
    async with _started(folder, fake_engine) as service:
        events = await _stream(service, "Count [[words:20]] [[delay:0.05]]")
        first = await anext(events)
        service.process.terminate()
        rest = [event async for event in events]
        assert rest[-1].type == "response.completed"
        assert await asyncio.to_thread(service.stop) == 0
    async with _started(folder, fake_engine) as service, _client(service) as client:
        stored = await client.responses.retrieve(_id(first))
        assert stored.status == "completed"
        assert stored.output_text == rest[-1].response.output_text


async def test_a_stream_that_does_not_is_stored_as_it_is(
    folder: Path, fake_engine: FakeEngine
) -> None:
    async with _started(folder, fake_engine) as service:
        events = await _stream(service, "Count on [[words:2000]] [[delay:0.05]]")
        first = await anext(events)
        service.process.terminate()
        began = time.monotonic()
        seen = [event async for event in events]
        assert seen[-1].type in ("response.incomplete", "response.failed")
        assert await asyncio.to_thread(service.stop) == 0
        assert time.monotonic() - began < DRAIN_SECONDS + 10
    async with _started(folder, fake_engine) as service, _client(service) as client:
        stored = await client.responses.retrieve(_id(first))
        assert stored.status in ("incomplete", "failed")
        assert stored.output_text
        text = "".join(event.delta for event in seen if event.type == "response.output_text.delta")
        assert stored.output_text.startswith(text[:20])


async def test_no_new_request_is_taken(folder: Path, fake_engine: FakeEngine) -> None:
    async with _started(folder, fake_engine) as service:
        events = await _stream(service, "Count [[words:40]] [[delay:0.05]]")
        await anext(events)
        service.process.terminate()
        refused = 0
        async with _client(service) as client:
            while not refused:
                try:
                    await client.models.list()
                except openai.APIConnectionError:
                    refused += 1
        assert [event async for event in events][-1].type == "response.completed"


@asynccontextmanager
async def _started(folder: Path, engine: FakeEngine) -> AsyncIterator[Serving]:
    environ = {
        "BACKSTORY_ENGINE_URL": engine.url,
        "BACKSTORY_ENGINE_API_KEY": engine.key,
        "BACKSTORY_DRAIN_SECONDS": str(DRAIN_SECONDS),
    }
    service = Serving(folder, environ=environ)
    try:
        await asyncio.to_thread(service.wait_ready)
        yield service
    finally:
        await asyncio.to_thread(end, service)


def _client(service: Serving) -> AsyncOpenAI:
    credentials = service.credentials
    return AsyncOpenAI(base_url=credentials.base_url, api_key=credentials.api_key, max_retries=0)


async def _stream(service: Serving, text: str) -> AsyncIterator[ResponseStreamEvent]:
    """Its events; the client closes itself after the last."""
    client = _client(service)
    stream = await client.responses.create(model="test-model", input=text, stream=True)

    async def events() -> AsyncIterator[ResponseStreamEvent]:
        async with client, stream:
            async for event in stream:
                yield event

    return events()


def _id(created: ResponseStreamEvent) -> str:
    assert created.type == "response.created"
    return created.response.id
