"""Whatever an engine does wrong: the right error, no hang, nothing left open, nothing leaked."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from app.config import Config
from app.engine.local_server import LocalServer
from app.engine.open import open_engine
from app.engine.types import Engine, Event
from app.errors import (
    EngineAuthFailed,
    EngineBroken,
    EngineError,
    EngineFailed,
    EngineOverloaded,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    StartError,
)
from tests.support.engine import KEY, FakeEngine
from tests.support.engine_calls import answer, ask, output_text, types

Kind = Literal["responses", "chat"]
Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nConnection: close\r\n\r\n"
COMPLETED = b'data: {"type": "response.completed", "response": {"output": []}}\n\n'


def config(url: str, kind: Kind = "responses", **seconds: float) -> Config:
    return Config(
        engine_url=url,
        engine_kind=kind,
        engine_api_key=KEY,
        engine_first_byte_timeout_seconds=seconds.get("first_byte", 5.0),
        engine_stall_timeout_seconds=seconds.get("stall", 5.0),
        engine_stream_timeout_seconds=seconds.get("stream", 60.0),
        engine_event_bytes_max=10_000,
        engine_retries_max=1,
        engine_retry_wait_seconds=0.01,
    )


@pytest.fixture(params=["responses", "chat"])
async def engine(request: pytest.FixtureRequest, fake_engine: FakeEngine) -> AsyncIterator[Engine]:
    async with open_engine(config(fake_engine.url, request.param)) as engine:
        yield engine


async def failure(engine: Engine, message: str) -> tuple[list[Event], EngineError]:
    """What came before the error, and the error."""
    events: list[Event] = []
    try:
        async with asyncio.timeout(10), aclosing(engine.stream(ask(message))) as stream:
            async for batch in stream:
                events += batch
    except EngineError as error:
        return events, error
    pytest.fail(f"no error after {types(events)}")


@pytest.mark.parametrize(
    ("fault", "error_type", "said"),
    [
        ("break", EngineBroken, "broke off"),
        ("half", EngineBroken, "broke off"),
        ("end", EngineBroken, "ended its stream before"),
        ("garbage", EngineBroken, "engine sent"),
    ],
)
async def test_a_stream_that_goes_wrong(
    engine: Engine, fake_engine: FakeEngine, fault: str, error_type: type[EngineError], said: str
) -> None:
    events, error = await failure(engine, f"one two three four [[{fault}:6]]")
    assert type(error) is error_type
    assert said in error.message
    assert any(event["type"] == "response.output_text.delta" for event in events)
    async with asyncio.timeout(5):
        await fake_engine.last.ended.wait()


@pytest.mark.parametrize("fault", ["break", "half", "end", "garbage"])
async def test_a_stream_that_goes_wrong_at_its_first_event(engine: Engine, fault: str) -> None:
    _, error = await failure(engine, f"[[{fault}:0]]")
    assert isinstance(error, EngineBroken)


@pytest.mark.parametrize("kind", ["responses", "chat"])
async def test_a_stream_that_stalls(fake_engine: FakeEngine, kind: Kind) -> None:
    async with open_engine(config(fake_engine.url, kind, stall=0.2)) as engine:
        events, error = await failure(engine, "one two three four [[stall:6]]")
    assert isinstance(error, EngineTimeout)
    assert "stopped in the middle" in error.message
    assert "response.output_text.delta" in types(events)
    async with asyncio.timeout(5):
        await fake_engine.last.ended.wait()


@pytest.mark.parametrize(
    ("status", "error_type", "our_status"),
    [
        (400, EngineRefused, 400),
        (401, EngineAuthFailed, 502),
        (403, EngineAuthFailed, 502),
        (404, EngineRefused, 404),
        (408, EngineTimeout, 504),
        (413, EngineRefused, 413),
        (422, EngineRefused, 422),
        (429, EngineOverloaded, 429),
        (500, EngineFailed, 502),
        (503, EngineFailed, 502),
        (302, EngineBroken, 502),
    ],
)
async def test_a_status_that_is_an_error(
    engine: Engine,
    fake_engine: FakeEngine,
    status: int,
    error_type: type[EngineError],
    our_status: int,
) -> None:
    events, error = await failure(engine, f"[[status:{status}]]")
    assert (events, type(error), error.status) == ([], error_type, our_status)
    assert fake_engine.calls == (2 if status >= 500 else 1)


async def test_retry_after_is_passed_on(engine: Engine) -> None:
    _, error = await failure(engine, "[[status:429]] [[retry_after:7]]")
    assert error.headers == {"Retry-After": "7"}


async def test_an_engines_refusal_keeps_its_words(fake_engine: FakeEngine) -> None:
    async with open_engine(config(fake_engine.url)) as engine:
        with pytest.raises(EngineRefused) as refused:
            await answer(engine, ask("Hi", tools=[{"type": "web_search"}]))
    assert (refused.value.param, refused.value.message) == (
        "tools",
        "Tool type 'web_search' is not supported.",
    )


async def test_a_refused_key_is_not_shown(fake_engine: FakeEngine) -> None:
    fake_engine.key = "sk-another"
    async with open_engine(config(fake_engine.url)) as engine:
        _, error = await failure(engine, "Hi")
        with pytest.raises(EngineAuthFailed):
            await engine.models()
    assert KEY not in error.message


async def test_an_engine_that_failed_is_used_again(engine: Engine) -> None:
    await failure(engine, "one two three four [[break:6]]")
    assert output_text(await answer(engine, ask("Hi"))) == "You said: Hi"


async def test_a_failed_response_is_an_event_and_no_error(fake_engine: FakeEngine) -> None:
    async with open_engine(config(fake_engine.url)) as engine:
        events = await answer(engine, ask("[[failed]]"))
    assert events[-1]["type"] == "response.failed"


async def test_leaving_a_stream_ends_the_call(engine: Engine, fake_engine: FakeEngine) -> None:
    async with aclosing(engine.stream(ask("[[words:9000]] [[delay:0.01]]"))) as batches:
        await anext(batches)
    async with asyncio.timeout(5):
        await fake_engine.last.ended.wait()
    assert fake_engine.last.client_left


async def test_cancelling_before_the_first_event_ends_the_call(
    fake_engine: FakeEngine,
) -> None:
    async with open_engine(config(fake_engine.url)) as engine:
        task = asyncio.create_task(answer(engine, ask("[[stall:0]]")))
        async with asyncio.timeout(5):
            await fake_engine.arrived.wait()
            task.cancel()
            await fake_engine.last.ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


@asynccontextmanager
async def server(respond: Respond) -> AsyncIterator[str]:
    """A server of bytes: what it sends is up to `respond`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await respond(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


def respond_with(*pieces: bytes) -> Respond:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return respond


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([HEAD % b"application/json", b"{}"], "instead of a stream"),
        ([HEAD % b"text/event-stream"], "ended its stream before"),
        ([HEAD % b"text/event-stream", b"data: " + b"x" * 20_000], "larger than 10000 bytes"),
        ([HEAD % b"text/event-stream", b'data: {"no": "type"}\n\n'], "without a type"),
        ([HEAD % b"text/event-stream", b"data: [DONE]\n\n"], "ended its stream before"),
        ([HEAD % b"text/event-stream", b'data: {"error": {"message": "oom"}}\n\n'], "oom"),
        ([b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n404"], "BACKSTORY_ENGINE_KIND"),
    ],
)
async def test_what_is_no_stream_of_responses_is_broken(pieces: list[bytes], said: str) -> None:
    async with server(respond_with(*pieces)) as url, open_engine(config(url)) as engine:
        _, error = await failure(engine, "Hi")
    assert isinstance(error, EngineBroken)
    assert said in error.message


async def test_a_list_of_models_of_another_shape_is_broken() -> None:
    respond = respond_with(HEAD % b"application/json", b'{"models": []}')
    async with server(respond) as url, open_engine(config(url)) as engine:
        with pytest.raises(EngineBroken):
            await engine.models()


async def test_nobody_listens() -> None:
    async with server(respond_with()) as url:
        pass
    async with open_engine(config(url)) as engine:
        _, error = await failure(engine, "Hi")
    assert isinstance(error, EngineUnreachable)
    assert "127.0.0.1" not in error.message


async def test_a_lost_connection_is_tried_once_more() -> None:
    connections = 0

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            await respond_with(HEAD % b"text/event-stream", COMPLETED)(reader, writer)

    async with server(respond) as url, open_engine(config(url)) as engine:
        assert types(await answer(engine, ask("Hi"))) == ["response.completed"]
    assert connections == 2


async def test_a_lost_connection_is_not_tried_for_ever() -> None:
    connections = 0

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1

    async with server(respond) as url, open_engine(config(url)) as engine:
        _, error = await failure(engine, "Hi")
    assert (type(error), connections) == (EngineUnreachable, 2)


def respond_and_wait(*pieces: bytes) -> Respond:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await respond_with(*pieces)(reader, writer)
        await reader.read()  # until the client leaves

    return respond


@pytest.mark.parametrize("pieces", [[], [HEAD % b"text/event-stream"]])
async def test_an_engine_that_does_not_begin(pieces: list[bytes]) -> None:
    respond = respond_and_wait(*pieces)
    async with server(respond) as url, open_engine(config(url, first_byte=0.2)) as engine:
        _, error = await failure(engine, "Hi")
    assert isinstance(error, EngineTimeout)
    assert "did not begin to answer within 0.2 s" in error.message


async def test_an_engine_that_does_not_list_its_models() -> None:
    respond = respond_and_wait()
    async with server(respond) as url, open_engine(config(url, first_byte=0.2)) as engine:
        with pytest.raises(EngineTimeout):
            await engine.models()


async def test_a_stream_that_takes_too_long(fake_engine: FakeEngine) -> None:
    async with open_engine(config(fake_engine.url, stream=0.3)) as engine:
        events, error = await failure(engine, "[[words:9000]] [[delay:0.01]]")
    assert isinstance(error, EngineTimeout)
    assert len(events) > 5


async def test_an_engine_that_keeps_its_connection_after_the_end() -> None:
    respond = respond_and_wait(HEAD % b"text/event-stream", COMPLETED)
    async with server(respond) as url, open_engine(config(url)) as engine:
        async with asyncio.timeout(3):
            assert types(await answer(engine, ask("Hi"))) == ["response.completed"]


async def test_a_wrong_url_ends_the_start() -> None:
    with pytest.raises(StartError, match="BACKSTORY_ENGINE_URL is 'engine"):
        async with open_engine(config("engine.example")):
            pass


async def test_the_local_engine_is_killed_and_comes_back(tmp_path: Path) -> None:
    local = LocalServer(Config(data_dir=tmp_path, local_engine_threads=1))
    local.start()
    try:
        url = await local.ready()
        async with open_engine(Config(local_engine_url=url)) as engine:
            with pytest.raises(EngineBroken):
                await _kill_in_the_middle(engine, local)
            with pytest.raises(EngineUnreachable):
                await engine.models()
            assert local.restart_if_dead()
            assert await local.ready() == url
            assert output_text(await answer(engine, ask("Hi")))
    finally:
        local.stop()


async def _kill_in_the_middle(engine: Engine, local: LocalServer) -> None:
    async for batch in engine.stream(ask("Tell a story.", max_output_tokens=4000)):
        if "response.output_text.delta" in types(batch) and local.pid:
            os.kill(local.pid, signal.SIGKILL)


async def test_a_local_engine_that_cannot_start_says_why(tmp_path: Path) -> None:
    local = LocalServer(Config(data_dir=tmp_path, local_engine_context_tokens=2**31))
    local.start()
    try:
        with pytest.raises(StartError, match="ended while it started: OverflowError"):
            await local.ready()
    finally:
        local.stop()
