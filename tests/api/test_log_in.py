"""Signing up, logging in, refreshing and logging out, as a page does with a publishable key."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.accounts import PASSWORD, Accounts, open_accounts, some_email
from tests.support.api import Api, Json
from tests.support.rows import connected, new_key
from tests.support.service import Service


@pytest.fixture
async def accounts(backstory: Service) -> AsyncIterator[Accounts]:
    async with open_accounts(backstory) as opened:
        yield opened


async def is_in(session: Api) -> bool:
    reply = await session.get("/v1/auth/me")
    assert reply.status in (200, 401)
    return reply.status == 200


async def test_a_user_signs_up_and_speaks(accounts: Accounts) -> None:
    email = some_email()
    signed_in = await accounts.signed_up(email.upper())
    assert signed_in["access_token"].startswith("bs_st_")
    assert signed_in["refresh_token"].startswith("bs_rt_")
    assert 3590 <= signed_in["expires_in"] <= 3600
    session = accounts.session(signed_in)
    me = (await session.get("/v1/auth/me")).body
    assert (me["email"], me["id"], me["session"]) == (email, signed_in["user"], signed_in["id"])
    response = await session.respond("Hello.")
    found = await accounts.server.as_user(me["id"]).get(f"/v1/responses/{response['id']}")
    assert found.status == 200
    again = await accounts.log_in(f" {email} ")
    assert again.status == 200
    assert again.body["user"] == me["id"]
    assert again.body["id"] != signed_in["id"]


async def test_nobody_signs_up_unless_the_project_says_so(accounts: Accounts) -> None:
    await accounts.set(signup="off")
    body = {"email": some_email(), "password": PASSWORD}
    reply = await accounts.page.send("POST", "/v1/auth/signup", body)
    assert (reply.status, reply.error["code"]) == (403, "signup_disabled")


@pytest.mark.parametrize(
    ("email", "password", "param"),
    [
        ("nobody", PASSWORD, "email"),
        ("a@b\n", "short", "password"),
        ("a b@c.d", PASSWORD, "email"),
        (f"{'a' * 250}@b.cd", PASSWORD, "email"),
        ("a@b.cd", "ä" * 600, "password"),
        ("a@b\x00.cd", PASSWORD, "email"),
        ("a@b.cd", 12345678, "password"),
    ],
)
async def test_what_cannot_be_is_refused(
    accounts: Accounts, email: str, password: object, param: str
) -> None:
    body = {"email": email, "password": password}
    reply = await accounts.page.send("POST", "/v1/auth/signup", body)
    assert (reply.status, reply.error["param"]) == (400, param)


async def test_letters_may_be_written_in_two_ways(accounts: Accounts) -> None:
    email = some_email()
    body = {"email": f"a\u0308{email}", "password": "pa\u0308ssword"}
    assert (await accounts.page.send("POST", "/v1/auth/signup", body)).status == 200
    assert (await accounts.log_in(f"ä{email}", "pässword")).status == 200


async def test_a_publishable_key_opens_the_door_and_nothing_else(
    accounts: Accounts, backstory: Service
) -> None:
    for method, path in (
        ("GET", "/v1/models"),
        ("GET", "/v1/users"),
        ("GET", "/v1/auth/me"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/auth/password_reset"),
    ):
        reply = await accounts.page.send(method, path)
        assert (reply.status, reply.error["code"]) == (403, "insufficient_permissions"), path
    engine = await new_key(backstory, "engine", project=accounts.project)
    refused = await accounts.log_in(some_email(), at=accounts.page.with_key(engine))
    assert refused.status == 403
    assert (await accounts.log_in(some_email(), at=accounts.server)).status == 401


async def test_refreshing_gives_new_tokens(accounts: Accounts) -> None:
    first = await accounts.signed_up()
    second = (await accounts.refresh(first)).body
    third = (await accounts.refresh(second)).body
    assert {one["id"] for one in (first, second, third)} == {first["id"]}
    assert len({one["refresh_token"] for one in (first, second, third)}) == 3
    assert first["expires_at"] == third["expires_at"]
    assert await is_in(accounts.session(third))
    assert not await is_in(accounts.session(first))
    late = await accounts.refresh(first)  # not the last before the one that is good
    assert (late.status, late.error["code"]) == (401, "invalid_refresh_token")
    assert await is_in(accounts.session(third))


async def test_many_refreshes_at_once_get_the_same(accounts: Accounts) -> None:
    first = await accounts.signed_up()
    replies = await asyncio.gather(*(accounts.refresh(first) for _ in range(8)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["refresh_token"] for reply in replies}) == 1
    assert len({reply.body["access_token"] for reply in replies}) == 1
    assert (await accounts.refresh(replies[0].body)).status == 200


async def pass_time(accounts: Accounts, seconds: int) -> None:
    async with connected(accounts.service.urls.owner) as conn:
        await conn.execute(
            "UPDATE used_refresh_tokens SET used_at = used_at - make_interval(secs => $1)"
            " WHERE project_id = $2",
            *(seconds, accounts.project),
        )


async def test_a_used_refresh_token_ends_the_session(accounts: Accounts) -> None:
    email = some_email()
    first = await accounts.signed_up(email)
    other = (await accounts.log_in(email)).body
    second = (await accounts.refresh(first)).body
    assert await is_in(accounts.session(second))
    await pass_time(accounts, 11)
    stolen = await accounts.refresh(first)
    assert (stolen.status, stolen.error["code"]) == (401, "invalid_refresh_token")
    assert not await is_in(accounts.session(second))
    assert (await accounts.refresh(second)).status == 401
    assert await is_in(accounts.session(other))


async def test_tokens_of_another_sort_or_project_refresh_nothing(
    accounts: Accounts, backstory: Service
) -> None:
    signed_in = await accounts.signed_up()
    for token in (
        "",
        "x" * 10_000,
        signed_in["access_token"],
        signed_in["refresh_token"][:-1] + "~",
        f"bs_rt_{accounts.project.hex}{'A' * 43}",
    ):
        assert (await accounts.refresh({"refresh_token": token})).status == 401
    async with open_accounts(backstory) as other:
        assert (await other.refresh(signed_in)).status == 401
    assert (await accounts.refresh(signed_in)).status == 200


async def test_logging_out_holds_at_once(accounts: Accounts) -> None:
    email = some_email()
    first = await accounts.signed_up(email)
    second, third = [(await accounts.log_in(email)).body for _ in range(2)]
    sessions = [accounts.session(one) for one in (first, second, third)]
    assert [await is_in(session) for session in sessions] == [True, True, True]
    ended = await sessions[0].send("POST", "/v1/auth/logout")
    assert ended.body == {"id": first["id"], "object": "session.deleted", "deleted": True}
    assert [await is_in(session) for session in sessions] == [False, True, True]
    assert (await accounts.refresh(first)).status == 401
    assert (await sessions[1].send("POST", "/v1/auth/logout_all")).body["count"] == 2
    assert [await is_in(session) for session in sessions] == [False, False, False]


async def test_a_user_sees_and_ends_their_sessions(accounts: Accounts) -> None:
    email = some_email()
    await accounts.signed_up(email)
    phone = accounts.elsewhere().with_headers({"User-Agent": "Phone " + "x" * 500})
    second = (await accounts.log_in(email, at=phone)).body
    session = accounts.session(second)
    listed = (await session.get("/v1/auth/sessions")).body["data"]
    assert [one["current"] for one in listed] == [True, False]
    assert listed[0]["user_agent"] == ("Phone " + "x" * 500)[:300]
    assert listed[0]["address"] == phone.headers["X-Forwarded-For"]
    path = f"/v1/auth/sessions/{listed[1]['id']}"
    assert (await session.delete(path)).status == 200
    assert (await session.delete(path)).status == 404
    assert len((await session.get("/v1/auth/sessions")).body["data"]) == 1
    stranger = accounts.session(await accounts.signed_up())
    assert (await stranger.delete(f"/v1/auth/sessions/{second['id']}")).status == 404
    assert (await session.delete("/v1/auth/sessions/sess_1")).status == 404


async def test_of_many_sessions_the_oldest_end(accounts: Accounts) -> None:
    email = some_email()
    first = await accounts.signed_up(email)
    most = accounts.service.config.sessions_per_user_max
    kept: list[Json] = [(await accounts.log_in(email)).body for _ in range(most)]
    assert not await is_in(accounts.session(first))
    assert await is_in(accounts.session(kept[0]))
    listed = (await accounts.session(kept[-1]).get("/v1/auth/sessions")).body["data"]
    assert {one["id"] for one in listed} == {one["id"] for one in kept}


async def test_tokens_and_sessions_run_out(accounts: Accounts) -> None:
    await accounts.set(session_token_seconds=60, session_seconds=60)
    signed_in = await accounts.signed_up()
    assert signed_in["expires_in"] <= 60
    session = accounts.session(signed_in)
    async with connected(accounts.service.urls.owner) as conn:
        await conn.execute(
            "UPDATE sessions SET token_expires_at = now() WHERE project_id = $1", accounts.project
        )
    assert not await is_in(session)
    fresh = (await accounts.refresh(signed_in)).body
    async with connected(accounts.service.urls.owner) as conn:
        await conn.execute(
            "UPDATE sessions SET expires_at = now() WHERE project_id = $1", accounts.project
        )
        assert not await is_in(accounts.session(fresh))
        assert (await accounts.refresh(fresh)).status == 401
        await conn.execute("SELECT drop_expired_sessions(1000)")
        query = "SELECT count(*) FROM sessions WHERE project_id = $1"
        assert await conn.fetchval(query, accounts.project) == 0
