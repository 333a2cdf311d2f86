"""What a key and a user may ask for: limits of requests, their headers, and how they are set."""

import pytest
from openai import AsyncOpenAI, RateLimitError

from tests.api.test_socket import connected as socket_to
from tests.support.api import MODEL, Api, Reply
from tests.support.eventually import eventually
from tests.support.heard import something
from tests.support.limits import limited_key, used
from tests.support.memories import somebody
from tests.support.rows import count, new_key, new_session, tables_of_user
from tests.support.service import Service

HEADERS = ("limit", "remaining", "reset")


def rates(reply: Reply, measure: str = "requests") -> list[str | None]:
    return [reply.headers.get(f"x-ratelimit-{name}-{measure}") for name in HEADERS]


async def test_requests_a_minute_are_let_through_and_no_more(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, requests_per_minute=3)
    first = await limited.api.create(something())
    await limited.stay()
    assert first.status == 200
    limit, remaining, reset = rates(first)
    assert (limit, remaining) == ("3", "2")
    assert reset
    assert reset.endswith("s")
    assert rates(await limited.api.create(something()))[1] == "1"
    streamed = await limited.api.stream(something())
    assert streamed.headers["x-ratelimit-remaining-requests"] == "0"
    over = await limited.api.create(something())
    assert over.status == 429
    assert (over.error["type"], over.error["code"]) == ("requests", "rate_limit_exceeded")
    assert int(over.headers["Retry-After"]) > 0
    assert rates(over)[:2] == ["3", "0"]
    assert await limited.used("requests_per_minute") == 3


async def test_a_window_that_is_over_begins_anew(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, requests_per_minute=1)
    assert (await limited.api.create(something())).status == 200
    await limited.stay()
    assert (await limited.api.create(something())).status == 429
    await limited.turn()

    async def let_in() -> bool:
        return (await limited.api.create(something())).status == 200

    await eventually(let_in)


async def test_a_budget_is_a_quota(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, requests_per_day=1, requests_per_month=2)
    assert (await limited.api.create(something())).status == 200
    await limited.stay()
    over = await limited.api.create(something())
    assert (over.status, over.error["type"]) == (429, "insufficient_quota")
    assert over.error["code"] == "insufficient_quota"
    async with AsyncOpenAI(
        base_url=backstory.base_url, api_key=limited.api.key, max_retries=0
    ) as client:
        with pytest.raises(RateLimitError) as refused:
            await client.responses.create(model=MODEL, input=something())
    assert refused.value.code == "insufficient_quota"


async def test_every_way_to_the_engine_counts(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, requests_per_day=100)
    said = [{"role": "user", "content": something()}]
    for path, body in (
        ("/v1/responses", {"model": MODEL, "input": something()}),
        ("/v1/chat/completions", {"model": MODEL, "messages": said}),
        ("/v1/embeddings", {"model": "default", "input": "text"}),
        ("/v1/responses/input_tokens", {"model": MODEL, "input": something()}),
        ("/v1/responses/compact", {"model": MODEL, "input": something()}),
    ):
        reply = await limited.api.send("POST", path, body)
        assert reply.status == 200, reply.raw
        assert rates(reply)[0] == "100"

    async def counted() -> bool:
        return await limited.used("requests_per_day") == 5

    await eventually(counted)


async def test_a_long_answer_is_told_too(backstory: Service, api: Api) -> None:
    """Longer than the worker holds what it was granted, and than it remembers that."""
    limited = await limited_key(backstory, api, requests_per_day=100)
    reply = await limited.api.create(something("[[words:30]] [[delay:0.06]]"))
    assert rates(reply)[:2] == ["100", "99"]


async def test_a_connection_is_told_too(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, requests_per_day=1)
    async with socket_to(backstory, Authorization=f"Bearer {limited.api.key}") as socket:
        assert (await socket.ask(something()))[-1]["type"] == "response.completed"
        [told] = await socket.ask(something())
    assert (told["type"], told["status"]) == ("error", 429)
    assert told["error"]["code"] == "insufficient_quota"


async def test_who_has_no_limit_is_not_counted(backstory: Service, api: Api) -> None:
    me = somebody()
    reply = await api.as_user(me).create(something())
    assert rates(reply) == [None] * 3
    assert "limit_counters" not in await tables_of_user(backstory, me)


async def test_limits_of_a_user_hold_for_keys_and_sessions(backstory: Service, api: Api) -> None:
    me, users = somebody(), api.with_key(await new_key(backstory, "users"))
    session = api.with_key(await new_session(backstory, me))
    path = f"/v1/users/{me}/limits"
    reply = await users.send("PUT", path, {"requests_per_day": 2})
    assert reply.status == 200, reply.raw
    assert reply.body["limits"] == {"requests_per_day": 2}
    assert reply.body["user"] == me
    assert (await session.create(something())).status == 200
    assert (await api.as_user(me).create(something())).status == 200
    for speaker in (session, api.as_user(me)):
        assert (await speaker.create(something())).error["code"] == "insufficient_quota"
    assert (await api.create(something())).status == 200
    assert await used(users, path, "requests_per_day") == 2
    gone = await users.delete(path)
    assert gone.body == {"object": "limits.deleted", "api_key": None, "user": me, "deleted": True}
    assert (await session.create(something())).status == 200


async def test_both_limits_hold_at_once(backstory: Service, api: Api) -> None:
    me = somebody()
    limited = await limited_key(backstory, api, requests_per_day=3)
    await limited.api.send("PUT", f"/v1/users/{me}/limits", {"requests_per_day": 1})
    assert rates(await limited.api.as_user(me).create(something()))[1] == "0"
    assert (await limited.api.as_user(me).create(something())).status == 429
    for status in (200, 200, 429):
        assert (await limited.api.create(something())).status == status


async def test_users_have_the_default_of_the_project(backstory: Service, api: Api) -> None:
    me, other, free = somebody(), somebody(), somebody()
    own = "/v1/settings/backstory"
    before = await api.get(own)
    await api.send("PATCH", own, {"user_limits": {"requests_per_day": 1}})
    try:
        users = api.with_key(await new_key(backstory, "users"))
        await users.send("PUT", f"/v1/users/{free}/limits", {"requests_per_day": None})
        await users.send("PUT", f"/v1/users/{other}/limits", {"requests_per_month": 9})
        windows = (await users.get(f"/v1/users/{other}/limits")).body["windows"]
        assert [window["limit"] for window in windows] == ["requests_per_day", "requests_per_month"]
        for name, again in ((me, 429), (other, 429), (free, 200)):
            assert (await api.as_user(name).create(something())).status == 200
            assert (await api.as_user(name).create(something())).status == again
        misplaced = await api.send(
            "PUT", f"/v1/users/{me}/settings/backstory", {"user_limits": None}
        )
        assert misplaced.status == 400
    finally:
        await api.send("PATCH", own, {"user_limits": None})
        assert before.status in (200, 404)


async def test_what_is_no_limit_is_refused(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api)
    wrong: list[object] = [
        {"requests_per_minute": -1},
        {"requests_per_minute": 1.5},
        {"requests_per_hour": 1},
        [],
    ]
    for body in wrong:
        assert (await limited.admin.send("PUT", limited.path, body)).status == 400, body
    nobody = "/v1/api_keys/key_00000000000000000000000000000000/limits"
    for method in ("GET", "DELETE"):
        assert (await limited.admin.send(method, nobody)).status == 404
    assert (await limited.admin.send("PUT", nobody, {})).status == 404


async def test_nobody_raises_their_own(backstory: Service, api: Api) -> None:
    me = somebody()
    limited = await limited_key(backstory, api, requests_per_day=1)
    session = api.with_key(await new_session(backstory, me))
    for speaker, path in (
        (limited.api, limited.path),
        (session, f"/v1/users/{me}/limits"),
        (session, limited.path),
    ):
        for method, body in (("PUT", {}), ("DELETE", None), ("GET", None)):
            assert (await speaker.send(method, path, body)).status == 403


async def test_changes_are_recorded(backstory: Service, api: Api) -> None:
    limited = await limited_key(backstory, api, requests_per_day=7)
    reply = await limited.admin.get(f"/v1/audit?subject={limited.path.split('/')[3]}")
    [event] = reply.body["data"]
    assert event["event"] == "api_key.limits_changed"
    assert event["detail"]["limits"] == {"requests_per_day": 7}


async def test_counters_go_with_their_user(backstory: Service, api: Api) -> None:
    me = somebody()
    await api.with_key(await new_key(backstory, "users")).send(
        "PUT", f"/v1/users/{me}/limits", {"requests_per_day": 5}
    )
    await api.as_user(me).create(something())
    assert "limit_counters" in await tables_of_user(backstory, me)
    everything = "SELECT count(*) FROM limit_counters"
    there = await count(backstory, everything)
    assert (await api.with_key(backstory.admin_key).delete(f"/v1/users/{me}")).status == 200
    assert await count(backstory, everything) == there - 1
