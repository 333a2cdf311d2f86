"""Responses once they are there, or not: whose they are, deleted, never stored, left by clients."""

import asyncio
from typing import Any

import pytest

from tests.support.api import Api, Json, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, heard_once, something, texts
from tests.support.rows import connected, new_key, new_project, tables_of_user, tables_with
from tests.support.service import Service

TOOL = {"type": "function", "name": "get_weather"}
UNKNOWN = {"resp_0", "resp_" + "0" * 32, "resp_01a204d6d03e7136806b4ed9fc7bb852", "conv_1", "x"}


# Who speaks


async def test_another_user_s_response_does_not_exist(api: Api) -> None:
    alice, bob = api.as_user(something("alice")), api.as_user(something("bob"))
    mine = await alice.respond(something())
    path = f"/v1/responses/{mine['id']}"
    for request in (
        bob.get(path),
        bob.get(f"{path}/input_items"),
        bob.get(f"{path}?stream=true"),
        bob.delete(path),
    ):
        reply = await request
        assert reply.status == 404
        assert reply.error["code"] == "response_not_found"
    reply = await bob.create("go on", previous_response_id=mine["id"])
    assert reply.status == 400
    assert reply.error["code"] == "previous_response_not_found"
    assert reply.error["param"] == "previous_response_id"
    unknown = await bob.get("/v1/responses/resp_01a204d6d03e7136806b4ed9fc7bb852")
    assert set(unknown.error) == set((await bob.get(path)).error)
    assert (await alice.get(path)).status == 200


async def test_what_a_key_appends_belongs_to_the_owner(api: Api, shared_engine: FakeEngine) -> None:
    name = something("alice")
    alice = api.as_user(name)
    said = something()
    mine = await alice.respond(said)
    for_me = await api.respond(f"{said} for her", previous_response_id=mine["id"])
    assert (await alice.get(f"/v1/responses/{for_me['id']}")).status == 200
    assert (await api.as_user("bob").get(f"/v1/responses/{for_me['id']}")).status == 404
    users = [call.body["user"] for call in heard(shared_engine, said)]
    assert users[0] == users[1]
    await alice.respond(f"{said} on", previous_response_id=for_me["id"])


async def test_another_project_sees_nothing(backstory: Service, api: Api) -> None:
    other = api.with_key(
        await new_key(backstory, "engine", "usage:read", project=await new_project(backstory))
    )
    mine = await api.respond(something())
    theirs = await other.respond(something())
    assert (await other.get(f"/v1/responses/{mine['id']}")).status == 404
    assert (await other.delete(f"/v1/responses/{mine['id']}")).status == 404
    assert (await api.get(f"/v1/responses/{theirs['id']}")).status == 404
    for api_, response in ((other, mine), (api, theirs)):
        reply = await api_.create("go on", previous_response_id=response["id"])
        assert reply.error["code"] == "previous_response_not_found"


# Deleting


async def test_a_deleted_response_is_gone(backstory: Service, api: Api) -> None:
    said = something()
    body = await api.respond(said, instructions=f"instructed {said}", temperature=0)
    path = f"/v1/responses/{body['id']}"
    gone = (await api.delete(path)).body
    counted = gone.pop("forgotten")
    assert gone == {"id": body["id"], "object": "response", "deleted": True}
    went = {"responses": 1, "items": 2, "contents": 3, "event_logs": 1, "cache_entries": 1}
    assert {sort: counted[sort] for sort in went} == went
    for reply in (
        await api.get(path),
        await api.get(f"{path}/input_items"),
        await api.delete(path),
    ):
        assert reply.status == 404
        assert reply.error["code"] == "response_not_found"
    reply = await api.create("go on", previous_response_id=body["id"])
    assert reply.status == 400
    assert reply.error["code"] == "previous_response_not_found"
    assert await tables_with(backstory, said.split()[1]) == set()


async def test_descendants_of_a_deleted_response_go_on(api: Api, shared_engine: FakeEngine) -> None:
    said = something()
    first = await api.respond(f"{said} one")
    second = await api.respond(f"{said} two", previous_response_id=first["id"])
    third = await api.respond(f"{said} three", previous_response_id=second["id"])
    await api.delete(f"/v1/responses/{second['id']}")
    fourth = await api.respond(f"{said} four", previous_response_id=third["id"])
    await api.respond(f"{said} five", previous_response_id=fourth["id"])
    users = texts(heard_once(shared_engine, f"{said} five")["input"])[::2]
    assert users == [f"user: {said} {n}" for n in ("one", "three", "four", "five")]


async def test_equal_texts_outlive_each_other(api: Api, backstory: Service) -> None:
    """Contents are stored once: deleting one response that says it leaves the others whole."""
    said = something()
    kept = await api.respond(said)
    for _ in range(2):
        other = await api.respond(said)
        await api.delete(f"/v1/responses/{other['id']}")
    assert (await api.get(f"/v1/responses/{kept['id']}")).body == kept
    async with connected(backstory.urls.owner) as conn:
        rows = await conn.fetchval(
            "SELECT count(*) FROM contents WHERE body::text LIKE '%' || $1 || '%'", said
        )
    assert rows == 2  # what was said, and what was answered


async def test_writing_and_deleting_the_same_at_once(api: Api) -> None:
    """A commit and a deletion that cross on shared contents both do what they say."""
    said = something("[[words:30]]")

    async def come_and_go() -> None:
        for _ in range(6):
            body = await api.respond(said, instructions=said, temperature=0, cache=True)
            assert (await api.get(f"/v1/responses/{body['id']}")).body == body
            assert (await api.delete(f"/v1/responses/{body['id']}")).status == 200

    await asyncio.gather(*(come_and_go() for _ in range(8)))


# Not stored


async def test_what_is_not_stored_leaves_no_text(
    backstory: Service, api: Api, shared_engine: FakeEngine
) -> None:
    said, name = something(), something("nobody")
    user = api.as_user(name)
    body = await user.respond(
        said, store=False, temperature=0, instructions=said, metadata={"said": said}
    )
    streamed = await user.stream(said, store=False, temperature=0, tools=[TOOL])
    await user.create(f"{said} [[status:500]]", store=False)
    await user.create(f"{said} [[break:5]]", store=False)
    keyed = user.with_headers({"Idempotency-Key": something()})
    await keyed.respond(said, store=False)
    assert body["store"] is False
    assert streamed.response["store"] is False
    for response in (body, streamed.response):
        path = f"/v1/responses/{response['id']}"
        assert (await user.get(path)).status == 404
        assert (await user.create("on", previous_response_id=response["id"])).status == 400

    async def logged() -> bool:
        return "requests" in await tables_of_user(backstory, name)

    await eventually(logged)
    assert await tables_of_user(backstory, name) == {"requests", "users"}
    assert await tables_with(backstory, said.split()[1]) == set()
    assert len(heard(shared_engine, said)) == 5


async def test_a_stored_response_is_continued_without_storing(api: Api) -> None:
    said = something()
    first = await api.respond(said)
    aside = await api.respond(f"{said} aside", previous_response_id=first["id"], store=False)
    assert aside["previous_response_id"] == first["id"]
    assert (await api.get(f"/v1/responses/{aside['id']}")).status == 404


@pytest.mark.parametrize("fields", [{"background": True}, {"memory": {"remember": True}}])
async def test_what_needs_storing_is_refused_without(api: Api, fields: dict[str, Any]) -> None:
    reply = await api.create(something(), store=False, **fields)
    assert reply.status == 400
    assert reply.error["type"] == "invalid_request_error"


# Clients that leave


async def test_a_client_that_leaves_does_not_lose_the_turn(
    api: Api, shared_engine: FakeEngine
) -> None:
    said = something("[[words:40]] [[delay:0.01]]")
    async with api.streaming(said) as answer:
        head = await answer.content.readuntil(b"\n\n")
    response_id = head.split(b'"id":"')[1].split(b'"')[0].decode()

    async def stored() -> Json | None:
        reply = await api.get(f"/v1/responses/{response_id}")
        return reply.body if reply.body.get("status") == "completed" else None

    body = await eventually(stored)
    assert body
    assert len(text_of(body).split()) == 40
    assert not heard(shared_engine, said)[0].client_left


async def test_the_engine_need_not_finish_what_nobody_keeps(
    api: Api, shared_engine: FakeEngine
) -> None:
    said = something("[[words:1000]] [[delay:0.01]]")
    async with api.streaming(said, store=False) as answer:
        await answer.content.readuntil(b"\n\n")
    call = heard(shared_engine, said)[0]
    async with asyncio.timeout(5):
        await call.ended.wait()
    assert call.client_left


async def test_it_is_left_also_while_it_is_silent(api: Api, shared_engine: FakeEngine) -> None:
    said = something("[[stall:5]]")
    async with api.streaming(said, store=False) as answer:
        await answer.content.readuntil(b"\n\n")
    async with asyncio.timeout(5):
        await heard(shared_engine, said)[0].ended.wait()


@pytest.mark.parametrize("unknown", sorted(UNKNOWN))
async def test_an_unknown_response(api: Api, unknown: str) -> None:
    for reply in (
        await api.get(f"/v1/responses/{unknown}"),
        await api.delete(f"/v1/responses/{unknown}"),
        await api.get(f"/v1/responses/{unknown}/input_items"),
    ):
        assert reply.status == 404
        assert reply.error["code"] == "response_not_found"
    reply = await api.create("hello", previous_response_id=unknown)
    assert reply.status == 400
    assert reply.error["code"] == "previous_response_not_found"
