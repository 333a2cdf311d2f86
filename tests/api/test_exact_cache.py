"""The exact cache: the same question again reaches no engine, and tells the same."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.api import Api, Json, Reply, read_stream, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.rows import connected, count, new_key, new_project, tables_of_user
from tests.support.service import Service
from tests.support.standard import check_events, check_response

SAME = {"temperature": 0}


async def ask(api: Api, said: str, *, stream: bool, **fields: Any) -> tuple[Json, str | None]:
    """The response, and what happened in the cache."""
    if not stream:
        reply = await api.create(said, **SAME, **fields)
        assert reply.status == 200, reply.raw
        check_response(reply.body)
        return reply.body, reply.headers.get("X-Cache")
    streamed = await api.stream(said, **SAME, **fields)
    check_events(streamed.events)
    return streamed.response, streamed.headers.get("X-Cache")


async def status_of(api: Api, said: Any, **fields: Any) -> str | None:
    return (await api.create(said, **fields)).headers.get("X-Cache")


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
async def test_the_second_call_reaches_no_engine(
    api: Api, shared_engine: FakeEngine, first: bool, second: bool
) -> None:
    said = something()
    one, miss = await ask(api, said, stream=first)
    two, hit = await ask(api, said, stream=second)
    assert (miss, hit) == ("MISS", "HIT")
    assert len(heard(shared_engine, said)) == 1
    assert text_of(one) == text_of(two)
    assert one["usage"] == two["usage"]
    assert one["id"] != two["id"]
    assert {item["id"] for item in one["output"]}.isdisjoint(item["id"] for item in two["output"])
    assert (await api.get(f"/v1/responses/{two['id']}")).body == two


async def test_a_hit_tells_the_same_events(api: Api) -> None:
    """Also the deltas, one by one, and also events of a hit on a hit."""
    said = something('[[call:f {"a": "b"}]] [[deltas:4]]')
    streams = [await api.stream(said, **SAME) for _ in range(3)]
    assert [stream.headers["X-Cache"] for stream in streams] == ["MISS", "HIT", "HIT"]
    for stream in streams:
        check_events(stream.events)
    assert streams[0].types == streams[1].types == streams[2].types
    deltas = [[e["delta"] for e in s.events if "delta" in e] for s in streams]
    assert deltas[0] == deltas[1] == deltas[2]
    assert len({s.response["output"][0]["call_id"] for s in streams}) == 1


async def test_a_hit_can_be_continued(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    await api.respond(said, **SAME)
    hit = await api.respond(said, **SAME)
    await api.respond(f"{said} on", previous_response_id=hit["id"])
    assert len(heard(shared_engine, f"{said} on")[0].body["input"]) == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_fifty_at_once_reach_the_engine_once(
    api: Api, shared_engine: FakeEngine, stream: bool
) -> None:
    said = something("[[words:30]] [[delay:0.005]]")
    answers = await asyncio.gather(*(ask(api, said, stream=stream) for _ in range(50)))
    assert len(heard(shared_engine, said)) == 1
    assert sorted({status or "" for _, status in answers}) in (
        ["COALESCED", "MISS"],
        ["COALESCED", "HIT", "MISS"],
    )
    assert [status for _, status in answers].count("MISS") == 1
    assert len({text_of(response) for response, _ in answers}) == 1
    assert len({response["id"] for response, _ in answers}) == 50
    assert (await ask(api, said, stream=stream))[1] == "HIT"


async def test_no_call_slips_between_a_flight_and_its_entry(
    api: Api, shared_engine: FakeEngine
) -> None:
    """Calls that look for the entry just when it is stored find it, or the flight."""
    for _ in range(10):
        said = something()
        await asyncio.gather(*(api.respond(said, **SAME) for _ in range(30)))
        assert len(heard(shared_engine, said)) == 1


async def test_coalesced_calls_outlive_the_one_that_led(
    api: Api, shared_engine: FakeEngine
) -> None:
    said = something("[[words:60]] [[delay:0.01]]")
    fields = {**SAME, "store": False}
    async with AsyncExitStack() as follows:
        async with api.streaming(said, **fields) as leader:
            await leader.content.readuntil(b"\n\n")
            follower = await follows.enter_async_context(api.streaming(said, **fields))
            assert follower.headers["X-Cache"] == "COALESCED"
        streamed = read_stream(follower.headers, await follower.read())
    check_events(streamed.events)
    assert len(text_of(streamed.response).split()) == 60
    assert len(heard(shared_engine, said)) == 1


async def test_the_headers_say_what_happened(api: Api) -> None:
    said = something()
    miss, hit = await api.create(said, **SAME), await api.create(said, **SAME)
    assert miss.headers["Cache-Status"] == "backstory; fwd=miss; stored"
    assert "Age" not in miss.headers
    assert hit.headers["Cache-Status"].startswith("backstory; hit; ttl=")
    assert 0 <= int(hit.headers["Age"]) <= 5
    assert 86_390 <= int(hit.headers["Cache-Status"].rpartition("=")[2]) <= 86_400
    plain = await api.create(something())
    assert plain.headers["Cache-Status"] == "backstory; fwd=bypass"
    assert "X-Cache" not in plain.headers


# What is cached


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"temperature": 0}, "HIT"),
        ({"temperature": 0.0}, "HIT"),
        ({"temperature": 0.1}, None),
        ({}, None),
        ({"cache": True}, "HIT"),
        ({"cache": {}}, "HIT"),
        ({"cache": {"mode": "exact", "ttl_seconds": 60, "tags": ["a"]}}, "HIT"),
        ({"cache": False, "temperature": 0}, None),
    ],
)
async def test_which_calls_are_cached(api: Api, fields: Json, status: str | None) -> None:
    said = something()
    await api.respond(said, **fields)
    assert await status_of(api, said, **fields) == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"instructions": "Be brief."}, "MISS"),
        ({"model": "@oi/beta"}, "MISS"),
        ({"max_output_tokens": 5}, "MISS"),
        ({"a_field_of_tomorrow": 1}, "MISS"),
        ({"metadata": {"a": "b"}}, "HIT"),
        ({"stream": True}, "HIT"),
        ({"store": False}, "HIT"),
        ({"prompt_cache_key": "k"}, "HIT"),
    ],
)
async def test_what_makes_it_another_question(api: Api, fields: Json, status: str) -> None:
    said = something()
    await api.respond(said, **SAME)
    assert await status_of(api, said, **SAME, **fields) == status


async def test_the_same_words_after_other_words_are_another_question(api: Api) -> None:
    said = something()
    first = await api.respond(f"{said} first")
    await api.respond(said, **SAME)
    status = await status_of(api, said, **SAME, previous_response_id=first["id"])
    assert status == "MISS"
    assert await status_of(api, said, **SAME, previous_response_id=first["id"]) == "HIT"


async def test_a_string_and_its_message_are_one_question(api: Api) -> None:
    said = something()
    await api.respond(said, **SAME)
    items = [{"role": "user", "content": said}]
    assert await status_of(api, items, **SAME) == "HIT"


@pytest.mark.parametrize(
    "script", ["[[failed]]", "[[incomplete]]", "[[break:5]]", "[[status:500]]"]
)
async def test_only_what_completed_is_cached(
    api: Api, shared_engine: FakeEngine, script: str
) -> None:
    said = something(f"one two three {script}")
    replies = [await api.create(said, **SAME) for _ in range(2)]
    assert [reply.headers.get("X-Cache") for reply in replies] in (["MISS"] * 2, [None] * 2)
    assert len(heard(shared_engine, said)) == 2


# Cache-Control


async def test_no_store_reads_but_does_not_write(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    careful = api.with_headers({"Cache-Control": "no-store"})
    assert (await careful.create(said, **SAME)).headers["Cache-Status"] == "backstory; fwd=miss"
    assert await status_of(careful, said, **SAME) == "MISS"
    assert await status_of(api, said, **SAME) == "MISS"
    assert await status_of(careful, said, **SAME) == "HIT"
    assert len(heard(shared_engine, said)) == 3


async def test_no_cache_asks_again_and_refreshes(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    await api.respond(said, **SAME)
    fresh = api.with_headers({"Cache-Control": "no-cache"})
    assert await status_of(fresh, said, **SAME) == "MISS"
    assert len(heard(shared_engine, said)) == 2
    assert await status_of(api, said, **SAME) == "HIT"


async def test_max_age_is_how_old_an_entry_may_be(backstory: Service, api: Api) -> None:
    said, name = something(), something("user")
    user = api.as_user(name)
    body = await user.respond(said, **SAME)
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            "UPDATE cache_entries SET created_at = created_at - interval '100 s'"
            " WHERE response_id = $1::uuid",
            body["id"].removeprefix("resp_"),
        )
    young = user.with_headers({"Cache-Control": "max-age=90"})
    old = user.with_headers({"Cache-Control": "max-age=200"})
    aged = await old.create(said, **SAME)
    assert aged.headers["X-Cache"] == "HIT"
    assert 100 <= int(aged.headers["Age"]) <= 110
    assert await status_of(young, said, **SAME) == "MISS"
    assert await status_of(young, said, **SAME) == "HIT"


async def test_only_if_cached(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    careful = api.with_headers({"Cache-Control": "max-age=100, only-if-cached"})
    for fields in ({}, SAME, {"cache": False}, {"stream": True}):
        refused = await careful.create(said, **fields)
        assert refused.status == 504
        assert refused.error["code"] == "not_cached"
    assert not heard(shared_engine, said)
    await api.respond(said, **SAME)
    assert await status_of(careful, said, **SAME) == "HIT"


async def test_a_wrong_max_age_is_said(api: Api) -> None:
    for text in ("soon", "-1", ""):
        reply = await api.with_headers({"Cache-Control": f"max-age={text}"}).create("hello")
        assert reply.status == 400
        assert "max-age" in reply.error["message"]


async def test_an_entry_runs_out(backstory: Service, api: Api) -> None:
    said = something()
    body = await api.respond(said, cache={"ttl_seconds": 30})
    hit = await api.create(said, cache=True)
    assert int(hit.headers["Cache-Status"].rpartition("=")[2]) <= 30
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            "UPDATE cache_entries SET expires_at = now() WHERE response_id = $1::uuid",
            body["id"].removeprefix("resp_"),
        )
    assert await status_of(api, said, cache=True) == "MISS"


# Whose it is


async def test_users_share_nothing_without_a_namespace(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    for speaker in (api, api.as_user(something("alice")), api.as_user(something("bob"))):
        assert await status_of(speaker, said, **SAME) == "MISS"
        assert await status_of(speaker, said, **SAME) == "HIT"
    assert len(heard(shared_engine, said)) == 3


async def test_users_at_once_share_no_flight(api: Api, shared_engine: FakeEngine) -> None:
    said = something("[[words:20]] [[delay:0.005]]")
    speakers = [api.as_user(something("user")) for _ in range(4)]
    await asyncio.gather(*(speaker.respond(said, **SAME) for speaker in speakers for _ in "12"))
    assert len(heard(shared_engine, said)) == 4
    hashes = {call.body["user"] for call in heard(shared_engine, said)}
    assert len(hashes) == 4


async def test_a_namespace_is_shared(api: Api, shared_engine: FakeEngine) -> None:
    said, shared = something(), {"namespace": something("team")}
    alice, bob = api.as_user(something("alice")), api.as_user(something("bob"))
    assert await status_of(alice, said, cache=shared) == "MISS"
    assert await status_of(bob, said, cache=shared) == "HIT"
    assert await status_of(bob, said, cache={"namespace": something()}) == "MISS"
    assert await status_of(bob, said, cache=True) == "MISS"
    mine = await bob.respond(said, cache=shared)
    assert (await alice.get(f"/v1/responses/{mine['id']}")).status == 404


async def test_a_namespace_needs_its_scope(backstory: Service, api: Api) -> None:
    poor = api.with_key(await new_key(backstory, "engine"))
    reply = await poor.create("hello", cache={"namespace": "team"})
    assert reply.status == 403
    assert reply.error["code"] == "insufficient_permissions"
    assert (await poor.create(something(), cache=True)).status == 200


async def test_projects_share_not_even_a_namespace(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, shared = something(), {"namespace": "everybody"}
    key = await new_key(backstory, "engine", "cache", project=await new_project(backstory))
    assert await status_of(api, said, cache=shared) == "MISS"
    assert await status_of(api.with_key(key), said, cache=shared) == "MISS"
    assert len(heard(shared_engine, said)) == 2


# With what else it goes


async def test_deleting_the_response_drops_its_entry(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said = something()
    body = await api.respond(said, **SAME)
    hit = await api.respond(said, **SAME)
    await api.delete(f"/v1/responses/{body['id']}")
    assert await status_of(api, said, **SAME) == "MISS"
    assert len(heard(shared_engine, said)) == 2
    assert (await api.get(f"/v1/responses/{hit['id']}")).body == hit
    replayed = await api.get(f"/v1/responses/{hit['id']}?stream=true")
    assert replayed.raw.endswith(b"data: [DONE]\n\n")


async def test_a_log_lives_as_long_as_someone_needs_it(backstory: Service, api: Api) -> None:
    said = something()
    bodies = [await api.respond(said, **SAME) for _ in range(3)]
    sql = "SELECT count(*) FROM event_logs WHERE log_id = $1::uuid"
    log_id = bodies[0]["id"].removeprefix("resp_")
    for body in bodies:
        assert await count(backstory, sql, log_id) == 1
        await api.delete(f"/v1/responses/{body['id']}")
    assert await count(backstory, sql, log_id) == 0


async def test_what_is_not_stored_reads_but_does_not_write(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, name = something(), something("user")
    user = api.as_user(name)
    first = await user.create(said, **SAME, store=False)
    assert first.headers["Cache-Status"] == "backstory; fwd=miss"
    assert await status_of(user, said, **SAME, store=False) == "MISS"
    assert await tables_of_user(backstory, name) <= {"users", "requests"}
    await user.respond(said, **SAME)
    assert await status_of(user, said, **SAME, store=False) == "HIT"
    assert len(heard(shared_engine, said)) == 3


async def test_a_hit_is_logged_with_what_it_saved(api: Api) -> None:
    said, user = something(), api.as_user(something("saver"))
    miss, hit, unkept = (
        await user.create(said, **SAME),
        await user.create(said, **SAME),
        await user.create(said, **SAME, store=False),
    )
    tokens = miss.body["usage"]["total_tokens"]
    assert hit.body["usage"]["total_tokens"] == tokens > 0
    rows = [await _logged(user, reply) for reply in (miss, hit, unkept)]
    assert [row["cache_status"] for row in rows] == ["MISS", "HIT", "HIT"]
    assert [row["saved_tokens"] for row in rows] == [None, tokens, tokens]
    assert [row["engine"] for row in rows] == ["responses", None, None]
    assert [row["input_tokens"] for row in rows] == [miss.body["usage"]["input_tokens"], None, None]


async def test_who_read_along_is_logged_so(api: Api) -> None:
    said, user = something("[[words:30]] [[delay:0.01]]"), api.as_user(something("reader"))
    replies = await asyncio.gather(*(user.create(said, **SAME) for _ in range(3)))
    rows = [await _logged(user, reply) for reply in replies]
    assert [row["cache_status"] for row in rows] == [r.headers["X-Cache"] for r in replies]
    assert sum(row["saved_tokens"] is None for row in rows) == 1


async def _logged(api: Api, reply: Reply) -> Json:
    async def found() -> Json | None:
        row = await api.get(f"/v1/requests/{reply.headers['x-request-id']}")
        return row.body if row.status == 200 else None

    row = await eventually(found)
    assert row
    return row


@pytest.mark.parametrize(
    ("value", "param"),
    [
        (5, "cache"),
        ("yes", "cache"),
        ({"mode": "fuzzy"}, "cache.mode"),
        ({"ttl_seconds": 0}, "cache.ttl_seconds"),
        ({"namespace": ""}, "cache.namespace"),
        ({"namespace": "a\x00"}, "cache.namespace"),
        ({"tags": ["a"] * 21}, "cache.tags"),
        ({"tags": [5]}, "cache.tags[0]"),
        ({"surprise": 1}, "cache.surprise"),
    ],
)
async def test_wrong_options_are_named(api: Api, value: Any, param: str) -> None:
    reply = await api.create("hello", cache=value)
    assert reply.status == 400
    assert reply.error["param"] == param
