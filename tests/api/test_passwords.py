"""Passwords: what is compared and when, changing them, resetting them, and being slow to guess."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from argon2 import PasswordHasher

from app.db.embedded import EmbeddedPostgres
from tests.support.accounts import PASSWORD, Accounts, open_accounts, some_email
from tests.support.api import open_api
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected, count
from tests.support.service import Service, run_service

NEW = "battery staple"


@pytest.fixture
async def accounts(backstory: Service) -> AsyncIterator[Accounts]:
    async with open_accounts(backstory) as opened:
        yield opened


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was hashed or compared, in order."""
    done: list[str] = []
    for name in ("hash", "verify"):
        monkeypatch.setattr(PasswordHasher, name, _noting(done, name))
    return done


def _noting(done: list[str], name: str) -> Any:
    real = getattr(PasswordHasher, name)

    def noting(*arguments: Any) -> Any:
        done.append(name)
        return real(*arguments)

    return noting


async def test_an_unknown_address_costs_what_a_wrong_password_does(
    accounts: Accounts, hashing: list[str]
) -> None:
    email, invited = some_email(), some_email()
    await accounts.signed_up(email)
    await accounts.server.send("POST", "/v1/users", {"email": invited})
    hashing.clear()
    answers = []
    for tried in (email, some_email(), invited):
        reply = await accounts.log_in(tried, "wrong password")
        answers.append((reply.status, reply.raw, dict.fromkeys(reply.headers)))
        assert hashing == ["verify"]
        hashing.clear()
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 401


async def test_a_taken_address_is_hashed_for_and_not_told(
    accounts: Accounts, hashing: list[str]
) -> None:
    email = some_email()
    await accounts.signed_up(email)
    hashing.clear()
    body = {"email": email, "password": NEW}
    reply = await accounts.elsewhere().send("POST", "/v1/auth/signup", body)
    assert (reply.status, reply.error["code"]) == (400, "signup_refused")
    assert hashing == ["hash"]
    assert (await accounts.log_in(email)).status == 200
    names = (await accounts.server.get("/v1/users")).body["data"]
    assert [user["email"] for user in names] == [email]


async def test_sign_ups_at_once_make_one_user(accounts: Accounts) -> None:
    body = {"email": some_email(), "password": PASSWORD}
    pages = [accounts.elsewhere() for _ in range(6)]
    replies = await asyncio.gather(*(p.send("POST", "/v1/auth/signup", body) for p in pages))
    assert sorted(reply.status for reply in replies) == [200, *[400] * 5]
    assert len((await accounts.server.get("/v1/users")).body["data"]) == 1


async def test_a_changed_password_ends_the_other_sessions(accounts: Accounts) -> None:
    email = some_email()
    first = await accounts.signed_up(email)
    other = (await accounts.log_in(email)).body
    session = accounts.session(first)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await accounts.session(other).get("/v1/auth/me")).status == 200
    for wrong, param, status in (
        (body | {"current_password": NEW}, "current_password", 403),
        (body | {"new_password": "short"}, "new_password", 400),
    ):
        reply = await session.send("POST", "/v1/auth/password", wrong)
        assert (reply.status, reply.error["param"]) == (status, param)
    reply = await session.send("POST", "/v1/auth/password", body)
    assert (reply.status, reply.body["sessions_ended"]) == (200, 1)
    assert (await session.get("/v1/auth/me")).status == 200
    assert (await accounts.session(other).get("/v1/auth/me")).status == 401
    assert (await accounts.log_in(email)).status == 401
    assert (await accounts.log_in(email, NEW)).status == 200


async def test_of_many_changes_at_once_one_is_made(accounts: Accounts) -> None:
    email = some_email()
    sessions = [accounts.session(await accounts.signed_up(email))]
    sessions += [accounts.session((await accounts.log_in(email)).body) for _ in range(3)]
    bodies = [
        {"current_password": PASSWORD, "new_password": f"battery staple {number}"}
        for number in range(4)
    ]
    token = (await accounts.server.send("POST", "/v1/auth/password_reset", {"email": email})).body
    replies = await asyncio.gather(
        *(
            one.send("POST", "/v1/auth/password", body)
            for one, body in zip(sessions, bodies, strict=True)
        ),
        accounts.page.send(
            "POST", "/v1/auth/reset", {"token": token["token"], "password": "another horse"}
        ),
    )
    assert max(reply.status for reply in replies) < 500
    assert [reply.status for reply in replies].count(200) == 1


async def test_a_body_is_refused_before_it_is_read(accounts: Accounts) -> None:
    for path in ("signup", "login", "refresh", "reset"):
        reply = await accounts.page.send("POST", f"/v1/auth/{path}", {"password": "x" * 2**17})
        assert reply.status == 413


async def test_who_logs_in_elsewhere_has_no_password(accounts: Accounts) -> None:
    minted = (await accounts.server.send("POST", "/v1/users/ada/sessions")).body
    body = {"current_password": PASSWORD, "new_password": NEW}
    reply = await accounts.session(minted).send("POST", "/v1/auth/password", body)
    assert (reply.status, reply.error["code"]) == (409, "no_password")
    reply = await accounts.server.send("POST", "/v1/users/ada/password_reset")
    assert (reply.status, reply.error["code"]) == (409, "no_email")


async def reset(accounts: Accounts, token: str, password: str = NEW) -> Any:
    body = {"token": token, "password": password}
    return await accounts.page.send("POST", "/v1/auth/reset", body)


async def test_a_reset_token_is_good_once(accounts: Accounts) -> None:
    email = some_email()
    signed_in = await accounts.signed_up(email)
    session = accounts.session(signed_in)
    assert (await session.get("/v1/auth/me")).status == 200
    path = f"/v1/users/{signed_in['user']}/password_reset"
    asked = (await accounts.server.send("POST", path)).body
    assert (asked["user"], asked["email"]) == (signed_in["user"], email)
    weak = await reset(accounts, asked["token"], "short")
    assert (weak.status, weak.error["code"]) == (400, "weak_password")
    replies = await asyncio.gather(*(reset(accounts, asked["token"]) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 400, 400, 400]
    assert (await session.get("/v1/auth/me")).status == 401
    assert (await accounts.log_in(email)).status == 401
    assert (await accounts.log_in(email, NEW)).status == 200


async def test_the_newest_reset_token_alone_is_good(accounts: Accounts, backstory: Service) -> None:
    email = some_email()
    await accounts.server.send("POST", "/v1/users", {"external_id": "ada", "email": email})
    ask = {"email": email.upper()}
    tokens = [
        (await accounts.server.send("POST", "/v1/auth/password_reset", ask)).body["token"]
        for _ in range(2)
    ]
    async with open_accounts(backstory) as other:
        assert (await reset(other, tokens[1])).error["code"] == "invalid_reset_token"
    for bad in (tokens[0], "", "bs_pr_", tokens[1].replace("bs_pr_", "bs_rt_")):
        assert (await reset(accounts, bad)).error["code"] == "invalid_reset_token"
    assert (await reset(accounts, tokens[1])).status == 200
    assert (await accounts.log_in(email, NEW)).body["user"] == "ada"
    unknown = {"email": some_email()}
    assert (await accounts.server.send("POST", "/v1/auth/password_reset", unknown)).status == 404


async def test_a_reset_token_runs_out(accounts: Accounts, hashing: list[str]) -> None:
    email = some_email()
    await accounts.server.send("POST", "/v1/users", {"external_id": "ada", "email": email})
    path = "/v1/users/ada/password_reset"
    for seconds in (59, 604_801):
        reply = await accounts.server.send("POST", path, {"expires_in": seconds})
        assert (reply.status, reply.error["param"]) == (400, "expires_in")
    token = (await accounts.server.send("POST", path, {"expires_in": 60})).body["token"]
    async with connected(accounts.service.urls.owner) as conn:
        await conn.execute(
            "UPDATE password_resets SET expires_at = now() WHERE project_id = $1", accounts.project
        )
    assert (await reset(accounts, token)).status == 400
    assert hashing == []


async def test_guessing_one_account_is_slowed(accounts: Accounts, hashing: list[str]) -> None:
    """Also from many addresses, at once, and whether or not there is such an account."""
    email = some_email()
    signed_in = await accounts.signed_up(email)
    for guessed in (email, some_email()):
        hashing.clear()
        wrong = (accounts.log_in(guessed, f"wrong password {n}") for n in range(20))
        replies = await asyncio.gather(*wrong)
        free = accounts.service.config.guesses_per_account
        assert hashing == ["verify"] * (free + 1)
        assert sorted(reply.status for reply in replies)[: free + 1] == [401] * (free + 1)
        last = await accounts.log_in(guessed)  # the right password, where there is one
        assert (last.status, last.error["code"]) == (429, "too_many_attempts")
        assert int(last.headers["Retry-After"]) >= 1
    assert (await accounts.session(signed_in).get("/v1/auth/me")).status == 200
    assert (await accounts.log_in(email, at=accounts.server)).status == 429


async def let_time_pass(accounts: Accounts, seconds: float) -> None:
    async with connected(accounts.service.urls.owner) as conn:
        await conn.execute(
            "UPDATE guesses SET blocked_until = blocked_until - make_interval(secs => $1),"
            " expires_at = expires_at - make_interval(secs => $1) WHERE project_id = $2",
            *(seconds, accounts.project),
        )


async def test_each_wait_is_twice_as_long(accounts: Accounts) -> None:
    email = some_email()
    await accounts.signed_up(email)
    waits: list[int] = []
    for _ in range(17):
        reply = await accounts.log_in(email, "wrong password")
        if reply.status == 429:
            waits.append(int(reply.headers["Retry-After"]))
            await let_time_pass(accounts, waits[-1])
    while len(waits) < 12:
        assert (await accounts.log_in(email, "wrong password")).status == 401
        refused = await accounts.log_in(email, "wrong password")
        waits.append(int(refused.headers["Retry-After"]))
        await let_time_pass(accounts, waits[-1])
    assert waits == [60, 120, 240, 480, *[900] * 8]
    assert (await accounts.log_in(email)).status == 200
    assert (await accounts.log_in(email, "wrong password")).status == 401
    assert (await accounts.log_in(email)).status == 200  # all begins anew


async def test_guessing_from_one_address_is_slowed(accounts: Accounts) -> None:
    free = accounts.service.config.guesses_per_address
    email = some_email()
    await accounts.signed_up(email)
    here = accounts.page.with_headers({"X-Forwarded-For": "1.2.3.4, 2001:db8::1"})
    near = accounts.page.with_headers({"X-Forwarded-For": "[2001:db8::2]:4711"})
    for _ in range(free):
        assert (await accounts.log_in(some_email(), at=here)).status == 401
        assert (await accounts.log_in(email, at=near)).status == 200  # counts as no try
    assert (await accounts.log_in(some_email(), at=near)).status == 401
    assert (await accounts.log_in(email, at=here)).status == 429
    assert (await accounts.log_in(email)).status == 200
    assert (await accounts.log_in(some_email(), at=accounts.server)).status == 401
    await let_time_pass(accounts, 3600)
    assert (await accounts.log_in(some_email(), at=here)).status == 401
    assert (await accounts.log_in(email, at=here)).status == 200
    async with connected(accounts.service.urls.owner) as conn:
        await conn.execute("UPDATE guesses SET expires_at = now() - interval '1 s'")
        await conn.execute("SELECT drop_expired_sessions(1000)")
    assert await count(accounts.service, "SELECT count(*) FROM guesses") == 0


async def test_signing_up_from_one_address_is_slowed(accounts: Accounts) -> None:
    here = accounts.elsewhere()
    statuses = [
        (
            await here.send(
                "POST", "/v1/auth/signup", {"email": some_email(), "password": PASSWORD}
            )
        ).status
        for _ in range(accounts.service.config.sign_ups_per_address + 2)
    ]
    assert statuses == [*[200] * (len(statuses) - 1), 429]


async def test_other_parameters_hash_anew(
    postgres: EmbeddedPostgres, backstory: Service, hashing: list[str]
) -> None:
    email, config = some_email(), backstory.config
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service, open_accounts(service) as accounts:
            await accounts.signed_up(email)
        hashing.clear()
        stronger = msgspec.structs.replace(config, password_rounds=2)
        async with run_service(urls, stronger) as service, open_api(service) as api:
            before = await _stored(service)
            page = api.with_key(accounts.page.key)
            again = Accounts(service, accounts.project, accounts.server, page)
            replies = await asyncio.gather(*(again.log_in(email) for _ in range(3)))
            assert {reply.status for reply in replies} == {200}
            assert "t=1" in before
            assert "t=2" in await _stored(service)
            hashing.clear()
            assert (await again.log_in(email)).status == 200
            assert hashing == ["verify"]


async def _stored(service: Service) -> str:
    async with connected(service.urls.owner) as conn:
        found: str = await conn.fetchval("SELECT password_hash FROM logins")
    return found
