"""Projects: made and deleted by the root project's admin, each seen and renamed by its own."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from app.ids import id_text, new_id
from tests.support.api import Api, open_api
from tests.support.eventually import eventually
from tests.support.files import uploaded
from tests.support.images import image
from tests.support.keys import as_project, made_key, made_project, opens, tables_of
from tests.support.memories import remember, somebody
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import connected, count, new_session
from tests.support.service import Service, run_service
from tests.support.settings import set_own

ALL = ["engine", "memory:read", "memory:write", "cache", "settings", "usage:read", "users", "admin"]


@pytest.fixture
def root(api: Api, backstory: Service) -> Api:
    return api.with_key(backstory.admin_key)


async def admin_of(root: Api, project: str) -> Api:
    return root.with_key((await made_key(root, *ALL, project=project))["key"])


async def test_a_project_is_made_seen_and_renamed(root: Api) -> None:
    reply = await root.send("POST", "/v1/projects", {"name": "A shop"})
    made = reply.body
    assert set(made) == {"id", "object", "name", "root", "created_at"}
    assert (made["object"], made["name"], made["root"]) == ("project", "A shop", False)
    assert (await root.get(f"/v1/projects/{made['id']}")).body == made
    assert made in (await root.get("/v1/projects")).body["data"]
    own = await admin_of(root, made["id"])
    assert (await own.get("/v1/projects")).body["data"] == [made]
    renamed = await own.send("PATCH", f"/v1/projects/{made['id']}", {"name": "The shop"})
    assert renamed.body == {**made, "name": "The shop"}
    assert (await root.get(f"/v1/projects/{made['id']}")).body == renamed.body
    [event] = (await own.get("/v1/audit?event=project.renamed")).body["data"]
    assert event["detail"] == {"from": "A shop", "to": "The shop"}
    query = f"/v1/audit?event=project.created&subject={made['id']}"
    assert len((await root.get(query)).body["data"]) == 1
    for wrong in ({}, {"name": ""}, {"name": 1}, {"name": "x", "root": True}):
        for method, path in (("POST", "/v1/projects"), ("PATCH", f"/v1/projects/{made['id']}")):
            assert (await root.send(method, path, wrong)).status == 400


async def test_a_project_is_made_once_for_an_idempotency_key(root: Api) -> None:
    name = somebody()
    again = root.with_headers({"Idempotency-Key": somebody()})
    asked = (again.send("POST", "/v1/projects", {"name": name}) for _ in range(3))
    replies = await asyncio.gather(*asked)
    assert {reply.status for reply in replies} == {200}
    assert len({reply.raw for reply in replies}) == 1
    assert (await again.send("POST", "/v1/projects", {"name": "x"})).status == 422


async def test_others_administer_themselves_alone(root: Api) -> None:
    mine, theirs = await made_project(root), await made_project(root)
    own, nowhere = await admin_of(root, mine), id_text("proj", new_id())
    assert (await own.send("POST", "/v1/projects", {"name": "x"})).status == 403
    assert (await own.delete(f"/v1/projects/{mine}")).status == 403
    for method in ("GET", "PATCH", "DELETE"):
        body = {"name": "x"} if method == "PATCH" else None
        for named in (theirs, nowhere, "proj_x"):
            reply = await own.send(method, f"/v1/projects/{named}", body)
            assert (reply.status, reply.error["code"]) == (404, "not_found")
            assert reply.error["message"] == f"Project with id '{named}' not found."
        assert (await root.send(method, f"/v1/projects/{nowhere}", body)).status == 404
    assert (await root.get(f"/v1/projects/{theirs}")).status == 200


async def test_pages(root: Api) -> None:
    made = [await made_project(root) for _ in range(3)]
    newest = (await root.get("/v1/projects?limit=3")).body
    assert [project["id"] for project in newest["data"]] == made[::-1]
    assert newest["has_more"]
    after = (await root.get(f"/v1/projects?limit=1&after={made[1]}")).body["data"]
    assert [project["id"] for project in after] == made[:1]
    before = (await root.get(f"/v1/projects?before={made[1]}")).body["data"]
    assert [project["id"] for project in before] == made[2:]
    oldest = (await root.get(f"/v1/projects?order=asc&after={made[0]}")).body["data"]
    assert [project["id"] for project in oldest] == made[1:]
    own = await admin_of(root, made[0])
    assert (await own.get(f"/v1/projects?after={made[1]}")).body["data"] == []


async def test_the_root_project_stays(root: Api) -> None:
    projects = (await root.get("/v1/projects?order=asc&limit=100")).body["data"]
    [itself] = [project for project in projects if project["root"]]
    reply = await root.delete(f"/v1/projects/{itself['id']}")
    assert (reply.status, reply.error["code"]) == (409, "root_project")
    assert (await root.get(f"/v1/projects/{itself['id']}")).body == itself


@pytest.fixture(scope="module")
async def own_service(backstory: Service, postgres: EmbeddedPostgres) -> AsyncIterator[Service]:
    """Whose principals are forgotten soon."""
    config = msgspec.structs.replace(backstory.config, principal_ttl_seconds=0.2, projects_max=3)
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service:
            yield service


@pytest.fixture
async def own_root(own_service: Service) -> AsyncIterator[Api]:
    async with open_api(own_service) as api:
        yield api.with_key(own_service.admin_key)


async def test_a_deleted_project_leaves_nothing(own_service: Service, own_root: Api) -> None:
    project, kept = await made_project(own_root), await made_project(own_root)
    too_many = await own_root.send("POST", "/v1/projects", {"name": "one more"})
    assert (too_many.status, too_many.error["code"]) == (409, "too_many_projects")
    for each in (project, kept):
        await _live_in(own_service, await admin_of(own_root, each), each)
    before = await tables_of(own_service, kept)
    assert len(before) > 20
    running = await _left_running(own_root, project)
    assert (await own_root.delete(f"/v1/projects/{project}")).body == {
        "id": project,
        "object": "project.deleted",
        "deleted": True,
    }
    assert (await own_root.delete(f"/v1/projects/{project}")).status == 404
    assert not await opens(own_root, running)

    async def gone() -> bool:
        return await tables_of(own_service, project) == {"projects"}

    await eventually(gone)
    assert before - {"outbox"} <= await tables_of(own_service, kept)
    query = f"/v1/audit?subject={project}&event=project.deleted"
    [event] = (await own_root.get(query)).body["data"]
    assert event["actor"]["type"] == "api_key"


async def _live_in(service: Service, admin: Api, project: str) -> None:
    """Something of most kinds."""
    me = admin.as_user(somebody())
    talk = (await me.send("POST", "/v1/conversations", {})).body
    await me.respond("I keep bees in Ulm.", conversation=talk["id"], memory=True)
    await me.respond("Again.", tools=[], instructions="Be brief.")
    await remember(me, "I keep bees.", "And sheep.")
    await uploaded(me, image("PNG", (3, 3)))
    await set_own(admin, {"memory": False})
    await set_own(me, {"memory": True})
    await new_session(service, somebody(), project=as_project(project))
    key = await made_key(admin, "engine")
    await admin.send("POST", f"/v1/api_keys/{key['id']}/rotate", {"overlap_seconds": 60})
    await admin.with_headers({"Idempotency-Key": somebody()}).respond("Once.")
    await admin.with_key(key["key"][:-3] + "xyz").get("/v1/models")


async def _left_running(root: Api, project: str) -> str:
    """A response that takes long, in the background; by this key."""
    made = await made_key(root, "engine", project=project)
    speaker = root.with_key(made["key"])
    await speaker.respond("Long. [[words:2000]] [[delay:0.05]]", background=True)
    key: str = made["key"]
    return key


async def test_what_comes_too_late_goes_with_the_last_trace(
    own_service: Service, own_root: Api
) -> None:
    [project] = [
        p["id"] for p in (await own_root.get("/v1/projects")).body["data"] if not p["root"]
    ]
    await own_root.delete(f"/v1/projects/{project}")

    async def gone() -> bool:
        return await tables_of(own_service, project) == {"projects"}

    await eventually(gone)
    async with connected(own_service.urls.owner) as conn:
        late = "INSERT INTO users (project_id, user_id, external_id) VALUES ($1, $2, 'late')"
        await conn.execute(late, as_project(project), new_id())
        deleted = (
            "UPDATE projects SET deleted_at = now() - interval '3 hours' WHERE project_id = $1"
        )
        await conn.execute(deleted, as_project(project))

    async def without_a_trace() -> bool:
        """What was to be done in an hour is due."""
        async with connected(own_service.urls.owner) as conn:
            await conn.execute("UPDATE outbox SET run_at = now() WHERE run_at > now()")
        return await tables_of(own_service, project) == set()

    await eventually(without_a_trace)
    waiting = "SELECT count(*) FROM outbox WHERE subject_id = $1"

    async def done() -> bool:
        return await count(own_service, waiting, as_project(project)) == 0

    await eventually(done)
