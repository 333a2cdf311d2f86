"""/v1/users: a project's users as its application makes, finds, changes and disables them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.accounts import PASSWORD, Accounts, open_accounts, some_email
from tests.support.api import Json
from tests.support.leftovers import left_of, rows_of_user
from tests.support.rows import connected, new_key
from tests.support.service import Service


@pytest.fixture
async def accounts(backstory: Service) -> AsyncIterator[Accounts]:
    async with open_accounts(backstory) as opened:
        yield opened


async def made(accounts: Accounts, **fields: object) -> Json:
    reply = await accounts.server.send("POST", "/v1/users", fields)
    assert reply.status == 200, reply.raw
    user: Json = reply.body
    return user


async def test_a_user_is_made_and_found(accounts: Accounts) -> None:
    email = some_email()
    user = await made(accounts, external_id="ada/1", email=email, metadata={"plan": "free"})
    assert user | {"created_at": ""} == {
        "id": "ada/1",
        "object": "user",
        "external_id": "ada/1",
        "email": email,
        "has_password": False,
        "metadata": {"plan": "free"},
        "disabled": False,
        "created_at": "",
    }
    assert (await accounts.server.get("/v1/users/ada%2F1")).body == user
    assert (await accounts.server.get(f"/v1/users?email={email}")).body["data"] == [user]
    assert (await accounts.server.get(f"/v1/users?email={some_email()}")).body["data"] == []
    nameless = await made(accounts, email=some_email(), password=PASSWORD)
    assert nameless["id"].startswith("user_")
    assert (await accounts.log_in(nameless["email"])).body["user"] == nameless["id"]


async def test_two_cannot_have_one_name_or_address(accounts: Accounts, backstory: Service) -> None:
    email = some_email()
    bodies = [{"external_id": "ada", "email": some_email()} for _ in range(4)]
    sent = (accounts.server.send("POST", "/v1/users", body) for body in bodies)
    statuses = sorted([reply.status for reply in await asyncio.gather(*sent)])
    assert statuses == [200, 409, 409, 409]
    await made(accounts, external_id="bob", email=email)
    for path, method, body in (
        ("/v1/users", "POST", {"external_id": "carl", "email": email.upper()}),
        ("/v1/users/ada", "PATCH", {"email": email}),
    ):
        reply = await accounts.server.send(method, path, body)
        assert (reply.status, reply.error["code"]) == (409, "email_taken")
    assert (await accounts.server.get("/v1/users/carl")).status == 404
    async with open_accounts(backstory) as other:
        await made(other, external_id="bob", email=email)


async def test_users_are_listed_by_pages(accounts: Accounts) -> None:
    names = [(await made(accounts, external_id=f"user {n}"))["id"] for n in range(5)]
    await accounts.server.as_user("named").get("/v1/conversations")
    first = (await accounts.server.get("/v1/users?limit=3&order=asc")).body
    assert [user["id"] for user in first["data"]] == names[:3]
    path = f"/v1/users?limit=3&order=asc&after={first['last_id']}"
    rest = (await accounts.server.get(path)).body
    assert [user["id"] for user in rest["data"]] == [*names[3:], "named"]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    newest = (await accounts.server.get("/v1/users?limit=2")).body["data"]
    assert [user["id"] for user in newest] == ["named", names[4]]
    back = (await accounts.server.get(f"/v1/users?limit=2&order=asc&before={names[3]}")).body
    assert [user["id"] for user in back["data"]] == names[1:3]
    assert (await accounts.server.get("/v1/users?after=nobody")).error["param"] == "after"


@pytest.mark.parametrize(
    "body",
    [
        {"external_id": ""},
        {"external_id": "x" * 513},
        {"external_id": "a\x00b"},
        {"password": PASSWORD},
        {"email": "nobody"},
        {"email": "a@b.cd", "password": "short"},
        {"metadata": {"n": 1}},
        {"external_id": 5},
    ],
)
async def test_what_cannot_be_is_refused(accounts: Accounts, body: Json) -> None:
    assert (await accounts.server.send("POST", "/v1/users", body)).status == 400
    everyone = await accounts.server.send("POST", "/v1/users", {"external_id": "*"})
    assert everyone.status == 403


async def test_a_disabled_user_is_out_at_once(accounts: Accounts) -> None:
    email = some_email()
    signed_in = await accounts.signed_up(email)
    path = f"/v1/users/{signed_in['user']}"
    session = accounts.session(signed_in)
    assert (await session.get("/v1/auth/me")).status == 200
    disabled = await accounts.server.send("PATCH", path, {"disabled": True})
    assert disabled.body["disabled"] is True
    assert (await session.get("/v1/auth/me")).status == 401
    assert (await accounts.refresh(signed_in)).status == 401
    assert (await accounts.log_in(email)).error["code"] == "user_disabled"
    assert (await accounts.log_in(email, "wrong password")).error["code"] == "invalid_credentials"
    minted = await accounts.server.send("POST", f"{path}/sessions")
    assert (minted.status, minted.error["code"]) == (403, "user_disabled")
    assert (await accounts.server.as_user(signed_in["user"]).get("/v1/conversations")).status == 200
    enabled = await accounts.server.send("PATCH", path, {"disabled": False})
    assert enabled.body["disabled"] is False
    assert (await accounts.log_in(email)).status == 200


async def test_the_application_changes_what_it_sends(accounts: Accounts) -> None:
    first, second = some_email(), some_email()
    signed_in = await accounts.signed_up(first)
    path = f"/v1/users/{signed_in['user']}"
    token = (await accounts.server.send("POST", f"{path}/password_reset")).body["token"]
    changed = await accounts.server.send("PATCH", path, {"email": second, "metadata": {"a": "b"}})
    assert (changed.body["email"], changed.body["metadata"]) == (second, {"a": "b"})
    late = {"token": token, "password": "battery staple"}  # it went to the address before
    assert (await accounts.page.send("POST", "/v1/auth/reset", late)).status == 400
    assert (await accounts.log_in(first)).status == 401
    assert (await accounts.log_in(second)).status == 200
    assert (await accounts.session(signed_in).get("/v1/auth/me")).status == 200
    await accounts.server.send("PATCH", path, {"password": "battery staple"})
    assert (await accounts.session(signed_in).get("/v1/auth/me")).status == 401
    assert (await accounts.log_in(second, "battery staple")).status == 200
    gone = await accounts.server.send("PATCH", path, {"email": None})
    assert (gone.body["email"], gone.body["has_password"]) == (None, False)
    assert gone.body["metadata"] == {"a": "b"}
    no_email = await accounts.server.send("PATCH", path, {"password": PASSWORD})
    assert (no_email.status, no_email.error["param"]) == (400, "email")
    assert (await accounts.server.send("PATCH", "/v1/users/nobody", {})).status == 404


async def test_the_application_gives_its_users_sessions(accounts: Accounts) -> None:
    minted = (await accounts.server.send("POST", "/v1/users/ada/sessions")).body
    session = accounts.session(minted)
    me = (await session.get("/v1/auth/me")).body
    assert (me["id"], me["email"], me["session"]) == ("ada", None, minted["id"])
    refreshed = (await accounts.refresh(minted)).body
    assert (await accounts.session(refreshed).get("/v1/auth/me")).status == 200
    assert (await session.send("POST", "/v1/users/ada/sessions")).status == 403


async def test_who_was_erased_elsewhere_is_made_anew(accounts: Accounts) -> None:
    """By a worker that knew them a moment ago."""
    await accounts.server.send("POST", "/v1/users/ada/sessions")
    async with connected(accounts.service.urls.owner) as conn:
        await conn.execute("DELETE FROM sessions WHERE project_id = $1", accounts.project)
        await conn.execute("DELETE FROM users WHERE project_id = $1", accounts.project)
    minted = await accounts.server.send("POST", "/v1/users/ada/sessions")
    assert minted.status == 200
    me = (await accounts.session(minted.body).get("/v1/auth/me")).body
    assert me["id"] == "ada"


async def test_nothing_is_left_of_an_erased_user(accounts: Accounts) -> None:
    email = some_email()
    signed_in = await accounts.signed_up(email)
    name = signed_in["user"]
    fresh = (await accounts.refresh(signed_in)).body
    await accounts.server.send("POST", f"/v1/users/{name}/password_reset")
    await accounts.log_in(email, "wrong password")
    owned = await rows_of_user(accounts.service, name)
    assert {"logins", "sessions", "used_refresh_tokens", "password_resets"} <= owned.tables
    assert (await accounts.server.delete(f"/v1/users/{name}")).status == 200
    left = (await rows_of_user(accounts.service, owned.user_id)).tables
    assert left <= {"erased_users", "audit_events"}
    assert await left_of(accounts.service, email) == set()
    assert (await accounts.refresh(fresh)).status == 401
    assert (await accounts.log_in(email)).status == 401


async def test_what_they_did_is_recorded_without_secrets(
    accounts: Accounts, backstory: Service
) -> None:
    email = some_email()
    signed_in = await accounts.signed_up(email)
    await accounts.session(signed_in).send("POST", "/v1/auth/logout")
    await accounts.log_in(email)
    await made(accounts, external_id="ada")
    await accounts.server.send("PATCH", "/v1/users/ada", {"disabled": True})
    admin = accounts.server.with_key(await new_key(backstory, "admin", project=accounts.project))
    reply = await admin.get("/v1/audit?limit=100&order=asc")
    told = [(event["event"], event["actor"]["type"]) for event in reply.body["data"]]
    assert [one for one in told if not one[0].startswith("setting")] == [
        ("user.signed_up", "api_key"),
        ("session.ended", "user"),
        ("user.signed_in", "api_key"),
        ("user.created", "api_key"),
        ("user.changed", "api_key"),
    ]
    signed_up = reply.body["data"][0]
    assert signed_up["subject"]["user"] == signed_in["user"]
    assert signed_up["detail"] == {"session": signed_in["id"]}
    for secret in (email, PASSWORD, signed_in["access_token"], signed_in["refresh_token"]):
        assert secret.encode() not in reply.raw
