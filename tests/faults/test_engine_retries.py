"""Asked again only before the first byte, within a budget, and not at all while it is down."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.engine.open import open_engine
from app.engine.retry import BURST_MAX
from app.errors import EngineError
from tests.support.api import Api, open_api, read_stream, text_of
from tests.support.engine import KEY, FakeEngine, run_fake_engine
from tests.support.engine_calls import answer, ask, output_text
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.postgres_fixtures import fresh_database
from tests.support.service import run_service
from tests.support.standard import check_events

FAILURES_MAX = 4
EVENT_BYTES_MAX = 20_000


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[FakeEngine]:
    async with run_fake_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
async def api(
    postgres: EmbeddedPostgres, engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """A service that gives an engine up soon, and soon tries it again."""
    config = Config(
        data_dir=tmp_path_factory.mktemp("retries"),
        engine_url=engine.url,
        engine_api_key=engine.key,
        engine_event_bytes_max=EVENT_BYTES_MAX,
        engine_first_byte_timeout_seconds=0.3,
        engine_retry_share=1.0,
        engine_retry_wait_seconds=0.01,
        engine_retry_wait_seconds_max=0.5,
        engine_breaker_failures_max=FAILURES_MAX,
        engine_breaker_open_seconds=0.3,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service, open_api(service) as api:
            yield api


async def ask_either(api: Api, said: str, *, stream: bool) -> str:
    """The text, whichever way it is asked for."""
    if not stream:
        return text_of(await api.respond(said))
    streamed = await api.stream(said)
    check_events(streamed.events)
    return text_of(streamed.response)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        "[[status:500]]",
        "[[status:503]]",
        "[[status:503]] [[retry_after:0]]",
        "[[status:429]] [[retry_after:0]]",
        "[[break:0]]",
    ],
)
async def test_an_engine_that_fails_before_the_first_byte_is_asked_again(
    api: Api, engine: FakeEngine, fault: str, stream: bool
) -> None:
    said = something(f"{fault} [[times:1]] [[say:There you are.]]")
    assert await ask_either(api, said, stream=stream) == "There you are."
    assert len(heard(engine, said)) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("[[status:400]]", 400),
        ("[[status:401]]", 502),
        ("[[status:404]]", 404),
        ("[[status:429]]", 429),
        ("[[status:429]] [[retry_after:60]]", 429),
        ("[[status:503]] [[retry_after:60]]", 502),
        ("[[stall:0]]", 504),
        ("[[half:0]]", 502),
        ("[[garbage:0]]", 502),
    ],
)
async def test_what_another_try_would_not_mend_is_told_at_once(
    api: Api, engine: FakeEngine, fault: str, status: int, stream: bool
) -> None:
    await api.respond("hello")  # the breaker counts from nothing
    said = something(f"{fault} [[times:1]]")
    reply = await api.create(said, stream=stream)
    assert reply.status == status
    assert reply.error["code"]
    assert reply.headers.get("Retry-After") == ("60" if "60" in fault else None)
    assert len(heard(engine, said)) == 1


@pytest.mark.parametrize("fault", ["break", "half", "end", "garbage"])
async def test_after_the_first_byte_it_is_never_asked_again(
    api: Api, engine: FakeEngine, fault: str
) -> None:
    said = something(f"[[{fault}:5]] [[times:1]]")
    streamed = await api.stream(said)
    check_events(streamed.events)
    assert streamed.response["status"] == "failed"
    assert len(heard(engine, said)) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", ["[[pieces:7]]", "[[chunk:2]]", "[[chunk:3]] [[pieces:50]]"])
async def test_events_come_however_they_are_cut(api: Api, script: str, stream: bool) -> None:
    said = something(f"{script} [[words:20]]")
    assert len((await ask_either(api, said, stream=stream)).split()) == 20


@pytest.mark.parametrize("stream", [False, True])
async def test_an_event_too_large_ends_the_answer(api: Api, stream: bool) -> None:
    said = something(f"[[say:small {'x' * EVENT_BYTES_MAX}]]")
    if not stream:
        reply = await api.create(said)
        assert (reply.status, reply.error["code"]) == (502, "engine_broken")
        return
    streamed = await api.stream(said)
    check_events(streamed.events)
    assert streamed.done
    assert streamed.response["error"]["code"] == "engine_broken"
    assert text_of(streamed.response) == "small "


async def test_a_stream_cut_anywhere_is_told_and_stored(api: Api) -> None:
    """A sample over real HTTP of what test_engine_bytes.py does at every byte."""
    cuts = range(1, 7000, 350)
    ended = await asyncio.gather(*(_ask_and_cut(api, cut) for cut in cuts))
    assert {"error", "failed", "completed"} >= set(ended) >= {"error", "failed"}


async def _ask_and_cut(api: Api, cut: int) -> str:
    async with api.streaming(something(f"[[cut:{cut}]] [[words:5]]")) as answer:
        if answer.status != 200:
            assert answer.status == 502
            return "error"
        streamed = read_stream(answer.headers, await answer.read())
    check_events(streamed.events)
    assert streamed.done
    stored = await api.get(f"/v1/responses/{streamed.response['id']}")
    assert stored.body == streamed.response
    return str(streamed.response["status"])


async def test_an_outage_is_not_multiplied(fake_engine: FakeEngine) -> None:
    calls = 100
    config = Config(
        engine_url=fake_engine.url,
        engine_api_key=KEY,
        engine_retry_wait_seconds=0.001,
        engine_breaker_failures_max=1000,
    )
    fake_engine.outage = 503
    async with open_engine(config) as engine:
        failed = await asyncio.gather(
            *(answer(engine, ask("Hi")) for _ in range(calls)), return_exceptions=True
        )
        assert all(isinstance(error, EngineError) for error in failed)
        assert calls < fake_engine.calls <= calls * (1 + config.engine_retry_share) + BURST_MAX
        fake_engine.outage = None
        assert output_text(await answer(engine, ask("Hi")))


async def breaker_of(api: Api) -> str:
    state: str = (await api.get("/health/ready")).body["engine"]["breaker"]
    return state


async def test_an_engine_that_is_down_is_left_in_peace_until_it_is_back(
    api: Api, engine: FakeEngine
) -> None:
    await api.respond("hello")
    engine.outage = 503
    for _ in range(FAILURES_MAX):
        assert (await api.create("hello")).error["code"] == "engine_broken"
    assert await breaker_of(api) == "open"
    said = something()
    for stream in (False, True):
        reply = await api.create(said, stream=stream)
        assert (reply.status, reply.error["code"]) == (503, "engine_unavailable")
        assert reply.headers["Retry-After"] == "1"
    assert not heard(engine, said)
    logged = await _row(api, reply.headers["x-request-id"])
    assert logged == (503, "engine_unavailable")
    engine.outage = None

    async def answered() -> bool:
        return (await api.create(said)).status == 200

    await eventually(answered)
    assert await breaker_of(api) == "closed"


async def _row(api: Api, request_id: str) -> tuple[int, str]:
    async def found() -> tuple[int, str] | None:
        reply = await api.get(f"/v1/requests/{request_id}")
        return (reply.body["status"], reply.body["error_code"]) if reply.status == 200 else None

    logged = await eventually(found)
    assert logged
    return logged


async def test_what_the_engine_refuses_does_not_open_it(api: Api) -> None:
    for _ in range(FAILURES_MAX * 2):
        await api.create("[[status:400]]")
    assert await breaker_of(api) == "closed"
