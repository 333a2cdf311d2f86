"""The user that a request names: in its body, its header, its query or its path, and all alike."""

import asyncio
from urllib.parse import quote

import pytest

from tests.support.api import Api
from tests.support.heard import something
from tests.support.memories import remember, somebody

NAMES = ["a/b", "a//b/", "/", "auth0|5", "%2F", "a%2Fb", "ünï 💡", "c:\\x", "?x=1&y", "#", "a b"]


@pytest.mark.parametrize("name", NAMES)
async def test_every_name_can_be_a_path(api: Api, name: str) -> None:
    name += somebody()
    path = f"/v1/users/{quote(name, safe='')}"
    other = api.as_user(somebody())
    await remember(other, "theirs")
    made = await api.send("POST", "/v1/memories", {"content": "I keep bees.", "user": name})
    assert made.body["user"] == name
    listed = (await api.get(f"{path}/memories")).body["data"]
    assert [(memory["user"], memory["content"]) for memory in listed] == [(name, "I keep bees.")]
    assert (await api.get(f"{path}/profile")).status == 200
    put = await api.send("PUT", f"{path}/settings/theme", 1)
    assert put.body["user"] == name
    erased = await api.delete(path)
    assert (erased.body["user"], erased.body["forgotten"]["memories"]) == (name, 1)
    assert (await api.delete(path)).status == 404
    assert len((await other.get("/v1/memories")).body["data"]) == 1


@pytest.mark.parametrize("name", [".", "..", "\0", "x" * 513])
async def test_what_is_no_name(api: Api, name: str) -> None:
    reply = await api.create(something(), user=name)
    assert (reply.status, reply.error["param"]) == (400, "user")


async def test_a_path_with_a_nul_names_nobody(api: Api) -> None:
    for method, path in (("DELETE", "/v1/users/%00"), ("GET", "/v1/users/%00/profile")):
        assert (await api.send(method, path)).status == 400


async def test_a_name_in_the_query_is_read_once(api: Api) -> None:
    """As it is decoded, also where it looks like UTF-8 that was read as Latin-1."""
    tail = somebody()
    await remember(api.as_user(f"é{tail}"), "theirs")
    reply = await api.get(f"/v1/memories?user={quote(f'Ã©{tail}')}")
    assert (reply.status, reply.body["data"]) == (200, [])


async def test_two_names_are_refused_wherever_they_stand(api: Api) -> None:
    first, second = somebody(), somebody()
    for path, header in ((f"?user={first}&user={second}", ""), (f"?user={first}", second)):
        speaker = api.with_headers({"Backstory-User": header}) if header else api
        reply = await speaker.get(f"/v1/memories{path}")
        assert (reply.status, reply.error["param"]) == (400, "user")
    assert (await api.get(f"/v1/memories?user={first}&user={first}")).status == 200


async def test_the_query_names_them_on_every_route(api: Api) -> None:
    me = somebody()
    mine = api.as_user(me)
    [memory] = await remember(mine, "I keep bees.")
    response = await mine.respond(something())
    conversation = (await mine.send("POST", "/v1/conversations", {})).body
    for path in (
        f"/v1/memories/{memory['id']}",
        f"/v1/memories/{memory['id']}/history",
        f"/v1/responses/{response['id']}",
        f"/v1/responses/{response['id']}/input_items",
        f"/v1/conversations/{conversation['id']}",
    ):
        assert (await api.get(f"{path}?user={me}")).status == 200, path
        assert (await api.get(f"{path}?user={somebody()}")).status == 404, path
        differing = await mine.get(f"{path}?user={somebody()}")
        assert (differing.status, differing.error["param"]) == (400, "user"), path
    for kept in (f"/v1/memories/{memory['id']}", f"/v1/responses/{response['id']}"):
        assert (await api.delete(f"{kept}?user={somebody()}")).status == 404
        assert (await api.delete(f"{kept}?user={me}")).status == 200


async def test_a_conversations_body_names_them_too(api: Api) -> None:
    me = somebody()
    made = await api.send("POST", "/v1/conversations", {"user": me})
    assert (made.status, made.body["user"]) == (200, me)
    path = f"/v1/conversations/{made.body['id']}"
    assert (await api.send("POST", path, {"user": somebody(), "title": "x"})).status == 404
    said = [{"type": "message", "role": "user", "content": "Hello."}]
    assert (await api.send("POST", f"{path}/items", {"user": me, "items": said})).status == 200
    assert (await api.send("POST", f"{path}/fork", {"user": me})).body["user"] == me


async def test_of_many_who_delete_one_does(api: Api) -> None:
    mine = api.as_user(somebody())
    [memory] = await remember(mine, "I keep bees.")
    response = await mine.respond(something())
    conversation = (await mine.send("POST", "/v1/conversations", {})).body
    for path in (
        f"/v1/memories/{memory['id']}",
        f"/v1/responses/{response['id']}",
        f"/v1/conversations/{conversation['id']}",
    ):
        replies = await asyncio.gather(*(mine.delete(path) for _ in range(8)))
        assert sorted(reply.status for reply in replies) == [200] + [404] * 7, path
