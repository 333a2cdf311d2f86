"""A project's own key of the engine: all that is asked for the project is asked with it."""

import msgspec
import pytest

from app.ids import ProjectId
from tests.support.api import Api
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.rows import connected, new_key, new_project, tables_with
from tests.support.secrets_in_logs import is_secret
from tests.support.service import Service
from tests.support.settings import set_own

SCOPES = ("engine", "settings", "admin", "memory:read", "memory:write")


class Own(msgspec.Struct):
    api: Api
    project: ProjectId
    key: str


@pytest.fixture
async def own(backstory: Service, api: Api) -> Own:
    project = await new_project(backstory)
    admin = api.with_key(await new_key(backstory, *SCOPES, project=project))
    return Own(admin, project, is_secret(f"sk-{something()}".replace(" ", "")))


def keys_heard(engine: FakeEngine, said: str) -> set[str]:
    return {call.key for call in heard(engine, said)}


async def test_it_is_used_and_never_shown(
    own: Own, api: Api, backstory: Service, shared_engine: FakeEngine
) -> None:
    shared_engine.keys.add(own.key)
    assert (await own.api.get("/v1/engine_key")).body["set"] is False
    put = await own.api.send("PUT", "/v1/engine_key", {"api_key": own.key})
    assert (put.status, put.body["object"], put.body["set"]) == (200, "engine_key", True)
    shown = await own.api.get("/v1/engine_key")
    assert shown.body == put.body
    audited = await own.api.get("/v1/audit")
    assert [event["event"] for event in audited.body["data"]][:1] == ["engine_key.set"]
    for reply in (put, shown, audited):
        assert own.key.encode() not in reply.raw
    assert await tables_with(backstory, own.key) == set()
    said, others = something(), something()
    await own.api.respond(said)
    await api.respond(others)
    assert keys_heard(shared_engine, said) == {own.key}
    assert keys_heard(shared_engine, others) == {shared_engine.key}
    gone = await own.api.delete("/v1/engine_key")
    assert (gone.status, gone.body["set"]) == (200, False)
    assert (await own.api.delete("/v1/engine_key")).status == 404
    again = something()
    await own.api.respond(again)
    assert keys_heard(shared_engine, again) == {shared_engine.key}


async def test_what_is_done_in_the_background_is_asked_with_it_too(
    own: Own, shared_engine: FakeEngine
) -> None:
    shared_engine.keys.add(own.key)
    await own.api.send("PUT", "/v1/engine_key", {"api_key": own.key})
    await set_own(own.api, {"titles": "engine", "facts": "engine", "facts_model": "test-model"})
    said = something()
    conversation = (await own.api.send("POST", "/v1/conversations", {})).body["id"]
    await own.api.respond(said, conversation=conversation)
    path = f"/v1/conversations/{conversation}/summarize"
    await own.api.send("POST", path, {"method": "engine", "model": "test-model"})

    async def all_asked() -> bool:
        return len(heard(shared_engine, said)) >= 4

    await eventually(all_asked)
    assert keys_heard(shared_engine, said) == {own.key}


async def test_a_key_that_the_engine_refuses_is_in_no_answer(own: Own) -> None:
    await own.api.send("PUT", "/v1/engine_key", {"api_key": own.key})
    for reply in (await own.api.create(something()), await own.api.get("/v1/models")):
        assert (reply.status, reply.error["code"]) == (502, "engine_auth_failed")
        assert own.key.encode() not in reply.raw


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 1001, "a\nb", 5, None])
async def test_what_is_no_key(own: Own, key: object) -> None:
    reply = await own.api.send("PUT", "/v1/engine_key", {"api_key": key})
    assert (reply.status, reply.error["param"]) == (400, "api_key")


async def test_only_who_administers_the_project_may(own: Own, api: Api, backstory: Service) -> None:
    plain = api.with_key(await new_key(backstory, "engine", "settings", project=own.project))
    for method, body in (("GET", None), ("PUT", {"api_key": "x"}), ("DELETE", None)):
        assert (await plain.send(method, "/v1/engine_key", body)).status == 403
    named = f"/v1/engine_key?project=proj_{own.project.hex}"
    root = api.with_key(backstory.admin_key)
    assert (await root.send("PUT", named, {"api_key": own.key})).status == 200
    assert (await own.api.get("/v1/engine_key")).body["set"] is True
    stranger = api.with_key(await new_key(backstory, *SCOPES, project=await new_project(backstory)))
    assert (await stranger.get(named)).status == 404


async def test_it_opens_in_its_own_row_alone(own: Own, backstory: Service, api: Api) -> None:
    """A row that is copied to another project is of no use there."""
    other = await new_project(backstory)
    await own.api.send("PUT", "/v1/engine_key", {"api_key": own.key})
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            """INSERT INTO engine_keys (project_id, sealed)
               SELECT $1, sealed FROM engine_keys WHERE project_id = $2""",
            *(other, own.project),
        )
    thief = api.with_key(await new_key(backstory, "engine", project=other))
    reply = await thief.create(something())
    assert reply.status >= 500
    assert own.key.encode() not in reply.raw
