"""A user's session: it does what a user does with their own data, and nothing else."""

import pytest

from tests.support.api import Api
from tests.support.eventually import eventually
from tests.support.heard import something
from tests.support.memories import remember, somebody
from tests.support.rows import connected, new_session
from tests.support.service import Service


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
async def session(backstory: Service, api: Api, me: str) -> Api:
    return api.with_key(await new_session(backstory, me))


async def test_a_session_converses_and_remembers(session: Api, api: Api, me: str) -> None:
    first = await session.respond(something(), memory=True)
    second = await session.respond("And then?", previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"]
    [kept] = await remember(session, "I keep bees in Ulm.")
    assert kept["user"] == me

    async def recalled() -> bool:
        reply = await session.send("POST", "/v1/recall", {"query": "Where do I keep bees?"})
        return bool(reply.body["data"]) and reply.body["usage"]["vectors"] == "used"

    await eventually(recalled)
    talk = (await session.send("POST", "/v1/conversations", {})).body
    await session.respond("In a conversation.", conversation=talk["id"])
    assert (await session.send("GET", "/v1/conversations")).status == 200
    assert (await session.send("GET", f"/v1/users/{me}/profile")).status == 200
    assert (await session.send("GET", f"/v1/users/{me}/memories")).body["data"]
    assert (await api.as_user(me).send("GET", f"/v1/responses/{first['id']}")).status == 200
    requests = (await session.send("GET", "/v1/requests?limit=100")).body["data"]
    assert {request["user"] for request in requests} <= {me}
    assert (await session.send("DELETE", f"/v1/responses/{first['id']}")).status == 200


async def test_what_is_anothers_is_not_there(session: Api, api: Api) -> None:
    other = api.as_user(somebody())
    response = await other.respond(something())
    [memory] = await remember(other, "A secret of another.")
    own = await api.respond("The project's own.")
    for path in (
        f"/v1/responses/{response['id']}",
        f"/v1/responses/{own['id']}",
        f"/v1/memories/{memory['id']}",
    ):
        assert (await session.send("GET", path)).status == 404, path
        assert (await session.send("DELETE", path)).status == 404, path
    for previous in (response, own):
        reply = await session.create("Go on.", previous_response_id=previous["id"])
        assert (reply.status, reply.error["code"]) == (400, "previous_response_not_found")


async def test_an_import_does_not_tell_that_anothers_id_is_taken(session: Api, api: Api) -> None:
    [theirs] = await remember(api.as_user(somebody()), "A secret of another.")
    never = f"{theirs['id'][:-8]}{int(theirs['id'][-8:], 16) ^ 1:08x}"
    for named in (theirs["id"], never):
        line = {"id": named, "content": "Mine."}
        for fate in ("imported", "unchanged"):
            report = await session.send("POST", "/v1/memories/import", line)
            assert report.body[fate] == 1, report.body
        assert (await session.send("GET", f"/v1/memories/{named}")).status == 404
    mine = (await session.send("GET", "/v1/memories")).body["data"]
    assert [memory["content"] for memory in mine] == ["Mine."] * 2
    again = {"id": mine[0]["id"], "content": "Mine."}
    assert (await session.send("POST", "/v1/memories/import", again)).body["unchanged"] == 1


async def test_a_session_names_no_user(session: Api, me: str) -> None:
    for name in (me, somebody(), "*"):
        for reply in (
            await session.create("Hello.", user=name),
            await session.as_user(name).send("GET", "/v1/conversations"),
            await session.send("POST", "/v1/recall", {"query": "x", "user": name}),
        ):
            assert (reply.status, reply.error["param"]) == (403, "user")
    other = await session.send("GET", f"/v1/users/{somebody()}/profile")
    assert other.status == 403


async def test_an_ended_session_is_unknown(backstory: Service, api: Api, me: str) -> None:
    ended = await new_session(backstory, me)
    async with connected(backstory.urls.owner) as conn:
        await conn.execute("DELETE FROM sessions WHERE prefix = $1", ended[38:][:12])
    assert (await api.with_key(ended).send("GET", "/v1/conversations")).status == 401
