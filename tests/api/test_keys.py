"""API keys: made, shown once, changed, rotated, revoked."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.db.database import Database, open_database
from app.identity.key_uses import drop_ended
from app.identity.queries import note_uses
from app.ids import KeyId, ProjectId, id_text, new_id
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.keys import create_key, made_key, made_project, opens
from tests.support.rows import connected, tables_with
from tests.support.service import Service

ALL = ["engine", "memory:read", "memory:write", "cache", "settings", "usage:read", "users", "admin"]
COUNTED = """
    INSERT INTO limit_counters (project_id, user_id, key_id, measure, span, began_at)
    SELECT project_id, '00000000-0000-0000-0000-000000000000', key_id, 'requests', 'day', now()
    FROM api_keys WHERE key_id = $1"""
"""As if a request of the key had been counted."""
SHOWN = {
    *("id", "object", "project", "name", "kind", "prefix", "scopes", "created_at", "expires_at"),
    *("last_used_at", "rotated_at", "revoked_at"),
}


@pytest.fixture
def root(api: Api, backstory: Service) -> Api:
    return api.with_key(backstory.admin_key)


@pytest.fixture
async def project(root: Api) -> str:
    return await made_project(root)


@pytest.fixture
async def admin(root: Api, project: str) -> Api:
    """The admin of a project of its own."""
    return root.with_key((await made_key(root, *ALL, project=project))["key"])


async def test_a_key_is_shown_once(backstory: Service, admin: Api, project: str) -> None:
    made = await made_key(admin, "usage:read", "engine", "engine", name="Laptop")
    assert set(made) == SHOWN | {"key"}
    assert made["scopes"] == ["engine", "usage:read"]
    assert (made["object"], made["name"], made["kind"]) == ("api_key", "Laptop", "secret")
    assert made["project"] == project
    key = made.pop("key")
    assert key.startswith(f"bs_sk_{project.removeprefix('proj_')}")
    assert made["prefix"] == f"bs_sk_…{key[38:50]}"
    assert await opens(admin, key)
    assert (await admin.with_key(key).get("/v1/memories")).status == 403
    reply = await admin.get(f"/v1/api_keys/{made['id']}")
    assert reply.body == made
    assert (await admin.get("/v1/api_keys")).body["data"][0] == made
    assert key[50:] not in (await admin.get("/v1/audit")).raw.decode()
    assert not await tables_with(backstory, key[50:])


async def test_wrong_bodies(admin: Api) -> None:
    good = {"name": "x", "scopes": ["engine"]}
    for wrong, param in (
        ({}, "name"),
        ({**good, "name": ""}, "name"),
        ({**good, "name": "x" * 201}, "name"),
        ({**good, "name": "a\x00b"}, "name"),
        ({"name": "x"}, "scopes"),
        ({**good, "scopes": ["engines"]}, "scopes[0]"),
        ({**good, "scopes": "engine"}, "scopes"),
        ({**good, "kind": "publishable"}, "scopes"),
        ({**good, "kind": "other"}, "kind"),
        ({**good, "expires_at": "tomorrow"}, "expires_at"),
        ({**good, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({**good, "key": "bs_sk_mine"}, "key"),
    ):
        reply = await admin.send("POST", "/v1/api_keys", wrong)
        assert (reply.status, reply.error["param"]) == (400, param), (wrong, reply.raw)
    reply = await admin.with_headers({"Idempotency-Key": "1"}).send("POST", "/v1/api_keys", good)
    assert (reply.status, reply.error["param"]) == (400, "idempotency-key")


async def test_a_publishable_key_has_no_scopes(admin: Api) -> None:
    made = await made_key(admin, kind="publishable")
    assert made["key"].startswith("bs_pk_")
    assert made["prefix"].startswith("bs_pk_…")
    assert (await admin.with_key(made["key"]).get("/v1/models")).status == 403
    reply = await admin.send("PATCH", f"/v1/api_keys/{made['id']}", {"scopes": ["engine"]})
    assert (reply.status, reply.error["param"]) == (400, "scopes")


async def test_nobody_gives_what_they_do_not_have(admin: Api) -> None:
    weak = admin.with_key((await made_key(admin, "admin", "engine"))["key"])
    strong = await made_key(admin, "memory:read")
    weaker = await made_key(weak, "engine")
    path = f"/v1/api_keys/{strong['id']}"
    for reply in (
        await create_key(weak, "engine", "users"),
        await weak.send("PATCH", f"/v1/api_keys/{weaker['id']}", {"scopes": ["users"]}),
        await weak.send("POST", f"{path}/rotate"),
    ):
        assert (reply.status, reply.error["code"]) == (403, "insufficient_permissions"), reply.raw
    assert (await weak.send("PATCH", path, {"name": "Renamed"})).body["scopes"] == ["memory:read"]
    assert (await weak.delete(path)).status == 200
    unprivileged = admin.with_key(weaker["key"])
    for method, where in (("GET", "/v1/api_keys"), ("POST", "/v1/api_keys"), ("DELETE", path)):
        assert (await unprivileged.send(method, where)).status == 403


async def test_an_expired_key_is_not_revived_by_who_has_less(
    backstory: Service, admin: Api
) -> None:
    weak = admin.with_key((await made_key(admin, "admin"))["key"])
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    made = await made_key(admin, "engine", expires_at=soon.isoformat())
    assert await opens(admin, made["key"])

    async def expired() -> bool:
        return not await opens(admin, made["key"])

    await eventually(expired, seconds=5)
    path = f"/v1/api_keys/{made['id']}"
    assert (await admin.send("POST", f"{path}/rotate")).status == 409
    assert (await weak.send("PATCH", path, {"expires_at": None})).status == 403
    reply = await admin.send("PATCH", path, {"expires_at": None})
    assert (reply.status, reply.body["expires_at"]) == (200, None)
    assert await opens(admin, made["key"])


async def test_a_change_holds_at_once(admin: Api) -> None:
    made = await made_key(admin, "engine")
    path = f"/v1/api_keys/{made['id']}"
    speaker = admin.with_key(made["key"])
    assert (await speaker.get("/v1/memories")).status == 403
    reply = await admin.send("PATCH", path, {"scopes": ["memory:read"], "name": "New"})
    assert (reply.status, reply.body["scopes"], reply.body["name"]) == (200, ["memory:read"], "New")
    assert (await speaker.get("/v1/memories")).status == 200
    assert (await speaker.get("/v1/responses/resp_none")).status == 403
    [changed] = (await admin.get("/v1/audit?event=api_key.changed")).body["data"]
    assert changed["detail"]["changes"]["scopes"] == {"from": ["engine"], "to": ["memory:read"]}
    wrongs: list[Json] = [{"scopes": []}, {"name": ""}, {"expires_at": 1}, {"revoked_at": None}]
    for wrong in wrongs:
        assert (await admin.send("PATCH", path, wrong)).status == 400


async def test_a_revoked_key_is_refused_at_once(admin: Api) -> None:
    made = await made_key(admin, "engine")
    path = f"/v1/api_keys/{made['id']}"
    old = made["key"]
    new = (await admin.send("POST", f"{path}/rotate", {"overlap_seconds": 60})).body["key"]
    assert await opens(admin, old)
    assert await opens(admin, new)
    revoked = (await admin.delete(path)).body
    assert revoked["revoked_at"]
    assert not await opens(admin, old)
    assert not await opens(admin, new)
    assert (await admin.delete(path)).body == revoked
    assert (await admin.send("PATCH", path, {"name": "x"})).error["code"] == "key_revoked"
    assert (await admin.send("POST", f"{path}/rotate")).error["code"] == "key_revoked"
    events = (await admin.get(f"/v1/audit?subject={made['id']}")).body["data"]
    done = [event["event"] for event in events if event["event"] != "api_key.refused"]
    assert done == ["api_key.revoked", "api_key.rotated", "api_key.created"]


async def test_a_rotation_ends_the_old_secret(admin: Api) -> None:
    made = await made_key(admin, "engine")
    path = f"/v1/api_keys/{made['id']}/rotate"
    reply = await admin.send("POST", path)
    assert set(reply.body) == SHOWN | {"key", "old_key_expires_at"}
    assert (reply.body["id"], reply.body["name"]) == (made["id"], made["name"])
    assert not await opens(admin, made["key"])
    assert await opens(admin, reply.body["key"])
    second = (await admin.send("POST", path, {"overlap_seconds": 0.5})).body
    assert await opens(admin, second["key"])
    assert await opens(admin, reply.body["key"])

    async def over() -> bool:
        return not await opens(admin, reply.body["key"])

    await eventually(over, seconds=5)
    assert await opens(admin, second["key"])
    for wrong in ({"overlap_seconds": -1}, {"overlap_seconds": 1e9}, {"seconds": 1}):
        assert (await admin.send("POST", path, wrong)).status == 400
    reply = await admin.with_headers({"Idempotency-Key": "1"}).send("POST", path)
    assert (reply.status, reply.error["param"]) == (400, "idempotency-key")


async def test_two_rotations_at_once(admin: Api) -> None:
    made = await made_key(admin, "engine")
    path = f"/v1/api_keys/{made['id']}/rotate"
    overlapping = [admin.send("POST", path, {"overlap_seconds": 60}) for _ in range(4)]
    keys = [reply.body["key"] for reply in await asyncio.gather(*overlapping)]
    assert len({made["key"], *keys}) == 5
    for key in (made["key"], *keys):
        assert await opens(admin, key)
    cutting = [admin.send("POST", path) for _ in range(2)]
    last = [reply.body["key"] for reply in await asyncio.gather(*cutting)]
    good = [key for key in (made["key"], *keys, *last) if await opens(admin, key)]
    assert len(good) == 1
    assert good[0] in last


async def test_old_secrets_are_few(admin: Api) -> None:
    made = await made_key(admin, "engine")
    path = f"/v1/api_keys/{made['id']}/rotate"
    for _ in range(10):
        assert (await admin.send("POST", path, {"overlap_seconds": 60})).status == 200
    reply = await admin.send("POST", path, {"overlap_seconds": 60})
    assert (reply.status, reply.error["code"]) == (409, "too_many_secrets")
    assert await opens(admin, made["key"])
    assert (await admin.send("POST", path)).status == 200
    assert not await opens(admin, made["key"])


async def test_workers_that_note_the_same_uses_do_not_block_each_other(
    admin: Api, project: str, backstory: Service
) -> None:
    place = ProjectId(UUID(hex=project.removeprefix("proj_")))
    made = [await made_key(admin, "engine") for _ in range(12)]
    keys = [KeyId(UUID(hex=one["id"].removeprefix("key_"))) for one in made]
    chance = random.Random(3)

    async def note(database: Database) -> None:
        for _ in range(30):
            shuffled = chance.sample(keys, len(keys))
            async with database.tenant(place) as conn:
                await note_uses(conn, place, dict.fromkeys(shuffled, datetime.now(UTC)))

    async with open_database(backstory.urls.service, backstory.config) as database:
        await asyncio.gather(*(note(database) for _ in range(4)))


async def test_the_query_may_name_the_project_of_a_new_key(root: Api, project: str) -> None:
    asked = {"name": "x", "scopes": ["engine"]}
    path = f"/v1/api_keys?project={project}"
    assert (await root.send("POST", path, asked)).body["project"] == project
    other = await root.send("POST", path, {**asked, "project": await made_project(root)})
    assert (other.status, other.error["param"]) == (400, "project")


async def test_other_projects_are_not_there(root: Api, admin: Api, project: str) -> None:
    theirs = await made_key(root, "engine", project=await made_project(root))
    nowhere, unknown = id_text("key", new_id()), id_text("proj", new_id())
    for method, tail in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        body = {"name": "x"} if method == "PATCH" else None
        for speaker, key_id, query in (
            (admin, theirs["id"], ""),
            (admin, theirs["id"], f"?project={theirs['project']}"),
            (admin, theirs["id"], f"?project={unknown}"),
            (admin, nowhere, ""),
            (admin, "key_x", ""),
            (root, theirs["id"], ""),
        ):
            reply = await speaker.send(method, f"/v1/api_keys/{key_id}{tail}{query}", body)
            assert (reply.status, reply.error["code"]) == (404, "not_found"), (method, query)
            named = query.partition("=")[2]
            missing = f"Project with id '{named}'" if named else f"API key with id '{key_id}'"
            assert reply.error["message"] == f"{missing} not found."
    assert (await create_key(admin, "engine", project=theirs["project"])).status == 404
    assert theirs["id"] not in (await admin.get("/v1/api_keys")).raw.decode()
    path = f"/v1/api_keys/{theirs['id']}?project={theirs['project']}"
    assert (await root.get(path)).body["id"] == theirs["id"]
    assert (await root.delete(path)).body["revoked_at"]
    query = f"/v1/audit?project={theirs['project']}&event=api_key.revoked"
    [event] = (await root.get(query)).body["data"]
    assert event["actor"]["type"] == "root_key"


async def test_pages(admin: Api) -> None:
    made = [(await made_key(admin, "engine"))["id"] for _ in range(4)]
    newest = [key["id"] for key in (await admin.get("/v1/api_keys")).body["data"]]
    assert newest[:4] == made[::-1]
    first = (await admin.get("/v1/api_keys?limit=2")).body
    assert ([key["id"] for key in first["data"]], first["has_more"]) == (newest[:2], True)
    rest = (await admin.get(f"/v1/api_keys?after={first['last_id']}")).body["data"]
    assert [key["id"] for key in rest] == newest[2:]
    oldest = (await admin.get("/v1/api_keys?order=asc")).body["data"]
    assert [key["id"] for key in oldest] == newest[::-1]


async def test_keys_that_ended_long_ago_are_dropped(backstory: Service, admin: Api) -> None:
    live, fresh, old, expired = [await made_key(admin, "engine") for _ in range(4)]
    for key in (fresh, old):
        await admin.delete(f"/v1/api_keys/{key['id']}")
    async with connected(backstory.urls.owner) as conn:
        for column, key in (("revoked_at", old), ("expires_at", expired)):
            await conn.execute(
                f"UPDATE api_keys SET {column} = now() - interval '400 days' WHERE key_id = $1",
                UUID(hex=key["id"].removeprefix("key_")),
            )
        for key in (live, old):
            await conn.execute(COUNTED, UUID(hex=key["id"].removeprefix("key_")))
    async with open_database(backstory.urls.service, backstory.config) as database:
        await drop_ended(database, 365)
    left = {key["id"] for key in (await admin.get("/v1/api_keys")).body["data"]}
    assert {live["id"], fresh["id"]} < left
    assert not {old["id"], expired["id"]} & left
    async with connected(backstory.urls.owner) as conn:
        counted = await conn.fetch(
            "SELECT key_id FROM limit_counters WHERE key_id = ANY($1)",
            [UUID(hex=key["id"].removeprefix("key_")) for key in (live, old)],
        )
    assert [f"key_{row[0].hex}" for row in counted] == [live["id"]]
