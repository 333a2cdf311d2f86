"""`Idempotency-Key`: the same request again is the same answer, and reaches the engine once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.api import Api, Json, Reply, read_stream, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.rows import connected, count, new_key
from tests.support.service import Service
from tests.support.standard import check_events

SLOW = "[[words:40]] [[delay:0.01]]"


def keyed(api: Api, key: str | None = None) -> Api:
    return api.with_headers({"Idempotency-Key": key or something("key")})


async def test_the_same_again_is_the_same_response(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, again = something(), keyed(api)
    bodies = [await again.respond(said) for _ in range(3)]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(heard(shared_engine, said)) == 1
    sql = "SELECT count(*) FROM items i JOIN contents c USING (project_id, user_id) WHERE"
    sql += " c.hash = i.content_hash AND c.body::text LIKE '%' || $1 || '%'"
    assert await count(backstory, sql, said) == 2


async def test_the_same_stream_again_is_the_same_stream(
    api: Api, shared_engine: FakeEngine
) -> None:
    said, again = something("[[words:20]]"), keyed(api)
    streams = [await again.stream(said) for _ in range(3)]
    assert streams[0].events == streams[1].events == streams[2].events
    assert all(stream.done for stream in streams)
    assert len(heard(shared_engine, said)) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_at_once_they_are_one(api: Api, shared_engine: FakeEngine, stream: bool) -> None:
    said, again = something(SLOW), keyed(api)

    async def ask() -> Json:
        return (await again.stream(said)).response if stream else await again.respond(said)

    answers = await asyncio.gather(*(ask() for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert len(heard(shared_engine, said)) == 1


async def test_who_comes_while_it_runs_gets_the_running_stream_from_its_start(
    api: Api, shared_engine: FakeEngine
) -> None:
    said, again = something(SLOW), keyed(api)
    async with again.streaming(said) as first:
        head = await first.content.readuntil(b"text.delta")
        second = await again.stream(said)
        whole = read_stream(first.headers, head + await first.read())
    check_events(second.events)
    assert second.events == whole.events
    assert len(heard(shared_engine, said)) == 1


async def test_a_client_that_left_gets_its_answer_when_it_comes_back(
    api: Api, shared_engine: FakeEngine
) -> None:
    said, again = something(SLOW), keyed(api)
    async with again.streaming(said) as answer:
        await answer.content.readuntil(b"text.delta")
    streamed = await again.stream(said)
    assert len(text_of(streamed.response).split()) == 40
    assert len(heard(shared_engine, said)) == 1


async def test_another_body_is_refused(api: Api) -> None:
    said, again = something(), keyed(api)
    first = await again.respond(said)
    for fields in ({"temperature": 0}, {"stream": True}, {"user": "alice"}, {"input": "other"}):
        reply = await again.create(said, **fields)
        assert reply.status == 422, fields
        assert reply.error["code"] == "idempotency_key_reused"
    assert await again.respond(said) == first


async def test_another_body_is_refused_while_the_first_runs(api: Api) -> None:
    said, again = something(SLOW), keyed(api)
    async with again.streaming(said) as first:
        await first.content.readuntil(b"\n\n")
        reply = await again.create(f"{said} other", stream=True)
        assert reply.status == 422
        assert read_stream(first.headers, await first.read()).done


async def test_another_user_does_not_get_the_answer(api: Api, shared_engine: FakeEngine) -> None:
    said, key = something(), something("key")
    alice, bob = api.as_user(something("alice")), api.as_user(something("bob"))
    mine = await keyed(alice, key).respond(said)
    reply = await keyed(bob, key).create(said)
    assert reply.status == 422
    assert mine["id"] not in reply.raw.decode()
    running = something(SLOW)
    async with keyed(alice, key + "2").streaming(running) as answer:
        await answer.content.readuntil(b"\n\n")
        assert (await keyed(bob, key + "2").create(running, stream=True)).status == 422
        await answer.read()
    assert len(heard(shared_engine, running)) == 1


async def test_keys_of_other_principals_are_other_keys(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, key = something(), something("key")
    other = api.with_key(await new_key(backstory, "engine"))
    one, two = await keyed(api, key).respond(said), await keyed(other, key).respond(said)
    assert one["id"] != two["id"]
    assert len(heard(shared_engine, said)) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", ["[[status:500]]", "[[break:0]]", "[[break:6]]", "[[failed]]"])
async def test_after_a_failure_the_key_is_free(
    api: Api, shared_engine: FakeEngine, script: str, stream: bool
) -> None:
    """The engine is asked again; what failed is not given out as the answer."""
    said, again = something(f"one two three {script}"), keyed(api)
    for times in (1, 2):
        await _fails(again, said, stream=stream)
        assert len(heard(shared_engine, said)) == times

    async def another_body_is_taken() -> bool:
        return (await again.create(f"{said} but other", stream=stream)).status != 422

    await eventually(another_body_is_taken)


async def _fails(api: Api, said: str, *, stream: bool) -> None:
    reply = await api.create(said, stream=stream)
    if reply.status != 200:
        assert reply.status == 502
        return
    response = read_stream(reply.headers, reply.raw).response if stream else reply.body
    assert response["status"] == "failed"


async def test_bad_input_uses_no_key_up(api: Api) -> None:
    again = keyed(api)
    assert (await again.create(5)).status == 400
    unknown = {"previous_response_id": "resp_01a204d6d03e7136806b4ed9fc7bb852"}
    assert (await again.create("hello", **unknown)).status == 400
    assert (await again.create("hello")).status == 200


async def test_an_incomplete_answer_is_an_answer(api: Api, shared_engine: FakeEngine) -> None:
    said, again = something("[[incomplete]] hello"), keyed(api)
    assert await again.respond(said) == await again.respond(said)
    assert len(heard(shared_engine, said)) == 1


async def test_a_deleted_answer_is_not_given_again(api: Api, shared_engine: FakeEngine) -> None:
    said, again = something(), keyed(api)
    first = await again.respond(said)
    await api.delete(f"/v1/responses/{first['id']}")
    second = await again.respond(said)
    assert second["id"] != first["id"]
    assert len(heard(shared_engine, said)) == 2


async def test_a_key_runs_out(backstory: Service, api: Api, shared_engine: FakeEngine) -> None:
    said, again = something(), keyed(api)
    first = await again.respond(said)
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            "UPDATE idempotency_keys SET expires_at = now() - interval '1 s'"
            " WHERE response_id = $1::uuid",
            first["id"].removeprefix("resp_"),
        )
    assert (await again.respond(said))["id"] != first["id"]
    assert len(heard(shared_engine, said)) == 2


async def test_an_attempt_elsewhere_is_waited_for(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    """Another worker holds the key: its lease is set here by hand, then its answer."""
    said, again = something(), keyed(api)
    first = await again.respond(said)
    response_id = first["id"].removeprefix("resp_")
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            "UPDATE idempotency_keys SET response_id = NULL, lease_until = now() + interval '20 s'"
            " WHERE response_id = $1::uuid",
            response_id,
        )
        waiting = asyncio.create_task(again.respond(said))
        await _waits(conn.fetchval, waiting)
        await conn.execute(
            "UPDATE idempotency_keys SET response_id = $1::uuid"
            " WHERE response_id IS NULL AND lease_until > now()",
            response_id,
        )
    assert await waiting == first
    assert len(heard(shared_engine, said)) == 1


async def _waits(ask: Callable[..., Awaitable[Any]], waiting: asyncio.Task[Json]) -> None:
    """Until the service has looked at the key at least once, and has not answered."""
    seen = "SELECT sum(idx_scan + seq_scan) FROM pg_stat_user_tables"
    seen += " WHERE relname = 'idempotency_keys'"
    before = await ask(seen)

    async def looked() -> bool:
        assert not waiting.done()
        return bool(await ask(seen) > before)

    await eventually(looked)


async def test_an_attempt_that_died_is_taken_over(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, again = something(), keyed(api)
    first = await again.respond(said)
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            "UPDATE idempotency_keys SET response_id = NULL, lease_until = now() - interval '1 s'"
            " WHERE response_id = $1::uuid",
            first["id"].removeprefix("resp_"),
        )
    replies: list[Reply] = await asyncio.gather(*(again.create(said) for _ in range(5)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["id"] for reply in replies}) == 1
    assert replies[0].body["id"] != first["id"]
    assert len(heard(shared_engine, said)) == 2


async def test_a_conversation_is_made_once_for_a_key(api: Api) -> None:
    keyed = api.as_user(something("user")).with_headers({"Idempotency-Key": something("key")})
    body = {"metadata": {"topic": "once"}}
    replies = await asyncio.gather(
        *(keyed.send("POST", "/v1/conversations", body) for _ in range(5))
    )
    assert {reply.status for reply in replies} == {200}
    assert len({reply.raw for reply in replies}) == 1
    assert replies[0].body["metadata"] == body["metadata"]
    other = await keyed.send("POST", "/v1/conversations", {})
    assert (other.status, other.error["code"]) == (422, "idempotency_key_reused")
    without = [await api.send("POST", "/v1/conversations", body) for _ in range(2)]
    assert without[0].body["id"] != without[1].body["id"]
