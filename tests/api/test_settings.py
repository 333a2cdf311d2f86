"""Settings: versions that never come twice, users over projects, and a feed of changes."""

import asyncio

import msgspec
import pytest

from app.ids import new_id
from tests.support.api import Api, Json, Reply
from tests.support.eventually import eventually
from tests.support.heard import something
from tests.support.memories import somebody
from tests.support.rows import new_key, new_project, new_session
from tests.support.service import Service


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def key() -> str:
    return f"theme.{new_id().hex}"


async def put(api: Api, key: str, value: object, **headers: str) -> Reply:
    with_headers = api.with_headers({name.replace("_", "-"): v for name, v in headers.items()})
    return await with_headers.send("PUT", f"/v1/settings/{key}", value)


async def value_of(api: Api, key: str) -> object:
    reply = await api.get(f"/v1/settings/{key}")
    assert reply.status == 200, reply.raw
    return reply.body["value"]


async def changes(api: Api, after: str = "") -> list[Json]:
    data: list[Json] = []
    while True:
        since = f"&after={after}" if after else ""
        body = (await api.get(f"/v1/settings-changes?limit=100{since}")).body
        data += body["data"]
        if not body["has_more"]:
            return data
        after = body["last_id"]


async def test_it_is_put_merged_and_deleted(api: Api, key: str) -> None:
    first = await put(api, key, {"colour": "red", "deep": {"a": 1, "b": [1, 2]}})
    assert first.status == 200
    assert first.body["object"] == "setting"
    assert (first.body["key"], first.body["user"], first.body["version"]) == (key, None, 1)
    assert first.headers["ETag"] == '"1"'
    patch = {"colour": None, "deep": {"b": None, "c": 3}, "new": "x"}
    patched = await api.send("PATCH", f"/v1/settings/{key}", patch)
    assert patched.body["value"] == {"deep": {"a": 1, "c": 3}, "new": "x"}
    assert patched.body["version"] == 2
    assert (await api.get(f"/v1/settings/{key}")).body == patched.body
    gone = await api.delete(f"/v1/settings/{key}")
    assert gone.body == {
        "object": "setting.deleted",
        "key": key,
        "user": None,
        "version": 3,
        "deleted": True,
    }
    for reply in (await api.get(f"/v1/settings/{key}"), await api.delete(f"/v1/settings/{key}")):
        assert reply.status == 404
    again = await put(api, key, 5)
    assert again.body["version"] == 4, "no version means two things"
    history = (await api.get(f"/v1/settings/{key}/history")).body["data"]
    assert [entry["version"] for entry in history] == [4, 3, 2, 1]
    assert [entry.get("value", "none") for entry in history[:2]] == [5, "none"]
    assert all(entry["changed_by"].startswith("key_") for entry in history)


@pytest.mark.parametrize("value", [None, True, "x\ty", [], 0.1, 10**30, "💡" * 100])
async def test_any_json_comes_back_as_it_was(api: Api, key: str, value: object) -> None:
    reply = await api.send("PUT", f"/v1/settings/{key}", data=msgspec.json.encode(value))
    assert reply.status == 200
    assert await value_of(api, key) == value


async def test_numbers_stay_as_they_are_written(api: Api, key: str) -> None:
    sent = b'{"price":1.10,"large":123456789012345678901234567890.5,"small":1E-400}'
    await api.send("PUT", f"/v1/settings/{key}", data=sent)
    patched = await api.send("PATCH", f"/v1/settings/{key}", {"other": 1})
    for number in (b"1.10", b"123456789012345678901234567890.5", b"1E-400"):
        assert number in patched.raw
        assert number in (await api.get(f"/v1/settings/{key}")).raw


async def test_conditions(api: Api, key: str) -> None:
    assert (await put(api, key, 1, If_Match='"1"')).status == 412
    assert (await put(api, key, 1, If_None_Match="*")).status == 200
    refused = await put(api, key, 2, If_None_Match="*")
    assert (refused.status, refused.error["code"]) == (412, "precondition_failed")
    assert (await put(api, key, 2, If_Match='"7", W/"1"')).body["version"] == 2
    for method in ("PUT", "PATCH", "DELETE"):
        stale = api.with_headers({"If-Match": '"1"'})
        assert (await stale.send(method, f"/v1/settings/{key}", 3)).status == 412
    assert await value_of(api, key) == 2


async def test_of_many_at_once_one_wins_and_no_change_is_lost(api: Api, key: str) -> None:
    await put(api, key, {})
    at_once = [put(api, key, {"n": n}, If_Match='"1"') for n in range(12)]
    assert sorted(reply.status for reply in await asyncio.gather(*at_once)) == [200] + [412] * 11
    merges = [api.send("PATCH", f"/v1/settings/{key}", {f"m{n}": n}) for n in range(12)]
    versions = [reply.body["version"] for reply in await asyncio.gather(*merges)]
    assert sorted(versions) == list(range(3, 15))
    value = await value_of(api, key)
    assert isinstance(value, dict)
    assert len(value) == 13


async def test_a_users_value_lies_over_the_projects(api: Api, key: str, me: str) -> None:
    mine = api.as_user(me)
    await put(api, key, {"colour": "red", "size": 1})
    inherited = await mine.get(f"/v1/settings/{key}")
    assert inherited.body["value"] == {"colour": "red", "size": 1}
    assert (inherited.body["version"], inherited.headers.get("ETag")) == (0, None)
    own = await api.send("PUT", f"/v1/users/{me}/settings/{key}", {"colour": "blue"})
    assert (own.body["user"], own.body["version"]) == (me, 1)
    for reply in (
        await mine.get(f"/v1/settings/{key}"),
        await api.get(f"/v1/users/{me}/settings/{key}"),
    ):
        assert reply.body["value"] == {"colour": "blue", "size": 1}
        assert reply.body["version"] == 1
    assert await value_of(api.as_user(somebody()), key) == {"colour": "red", "size": 1}
    assert await value_of(api, key) == {"colour": "red", "size": 1}
    await put(mine, key, "plain")
    assert await value_of(mine, key) == "plain"
    assert (await mine.delete(f"/v1/settings/{key}")).status == 200
    assert await value_of(mine, key) == {"colour": "red", "size": 1}


async def test_a_list_is_walked_both_ways(api: Api, me: str) -> None:
    mine = api.as_user(me)
    for n in range(5):
        await put(mine, f"k{n}", n)
    names = [f"k{n}" for n in range(5)]
    up = (await mine.get("/v1/settings?limit=2")).body
    assert ([one["key"] for one in up["data"]], up["has_more"]) == (names[:2], True)
    rest = (await mine.get(f"/v1/settings?after={up['last_id']}")).body["data"]
    assert [one["key"] for one in rest] == names[2:]
    down = (await api.get(f"/v1/users/{me}/settings?order=desc&limit=2")).body["data"]
    assert [one["key"] for one in down] == names[:2:-1]


async def test_changes_are_read_in_their_order(api: Api, backstory: Service) -> None:
    project = await new_project(backstory)
    admin = api.with_key(await new_key(backstory, "settings", "admin", project=project))
    alice = admin.as_user("alice")
    await put(admin, "a", 1)
    seen = (await changes(admin))[-1]["id"]
    await asyncio.gather(*(put(alice if n % 2 else admin, f"k{n}", n) for n in range(20)))
    await alice.delete("/v1/settings/k1")
    everyone = await changes(admin.with_headers({"Backstory-User": "*"}), seen)
    assert len(everyone) == 21
    assert [int(one["id"]) for one in everyone] == sorted(int(one["id"]) for one in everyone)
    last = everyone[-1]
    assert (last["key"], last["user"], last["deleted"], last["version"]) == ("k1", "alice", True, 2)
    assert len(await changes(admin, seen)) == 10
    assert len(await changes(alice)) == 11


async def test_only_so_many_versions_are_kept(api: Api, key: str, backstory: Service) -> None:
    most = backstory.config.setting_versions_max
    for n in range(most + 5):
        await put(api, key, n)
    history = (await api.get(f"/v1/settings/{key}/history?limit=100&order=asc")).body
    assert len(history["data"]) == most
    assert history["data"][0]["version"] == 6


@pytest.mark.parametrize(
    ("key", "body", "status", "param"),
    [
        ("a" * 201, b"1", 400, "key"),
        ("a%20b", b"1", 400, "key"),
        ("%00", b"1", 400, "key"),
        ("a", b"", 400, None),
        ("a", b"{", 400, None),
        ("a", b'"\xff"', 400, None),
        ("a", b"NaN", 400, None),
        ("a", b"[" * 5000 + b"]" * 5000, 400, None),
        ("a", b'"' + b"x" * 70_000 + b'"', 413, None),
        ("backstory.x", b"1", 400, "key"),
        ("backstory", b"[]", 400, "value"),
        ("backstory", b'{"facts": "sometimes"}', 400, "facts"),
        ("backstory", b'{"fact": "engine"}', 400, "fact"),
    ],
)
async def test_what_cannot_be_kept(
    api: Api, key: str, body: bytes, status: int, param: str | None
) -> None:
    for method in ("PUT", "PATCH"):
        reply = await api.send(method, f"/v1/settings/{key}", data=body)
        assert (reply.status, reply.error["param"]) == (status, param), reply.raw


async def test_there_is_room_for_so_many(api: Api, backstory: Service) -> None:
    mine = api.as_user(somebody())
    most = backstory.config.settings_max
    for begin in range(0, most, 50):
        await asyncio.gather(*(put(mine, f"k{n}", n) for n in range(begin, begin + 50)))
    assert (await put(mine, "more", 1)).status == 400
    assert (await put(mine, "k0", 1)).status == 200


async def test_a_session_has_its_own_and_none_of_backstorys(
    api: Api, backstory: Service, me: str, key: str
) -> None:
    session = api.with_key(await new_session(backstory, me))
    await put(api, key, {"project": True})
    assert (await put(session, key, {"mine": 1})).body["user"] == me
    assert await value_of(session, key) == {"project": True, "mine": 1}
    assert await value_of(api, key) == {"project": True}
    assert [one["user"] for one in await changes(session)] == [me]
    history = (await session.get(f"/v1/users/{me}/settings/{key}/history")).body["data"]
    assert [entry["changed_by"] for entry in history] == ["session"]
    for method in ("PUT", "PATCH", "DELETE"):
        reply = await session.send(method, "/v1/settings/backstory", {"facts": "engine"})
        assert reply.status == 403
    assert (await session.get(f"/v1/users/{somebody()}/settings")).status == 403


async def test_what_backstory_goes_by_holds_at_once(api: Api, backstory: Service) -> None:
    project = await new_project(backstory)
    own = api.with_key(await new_key(backstory, "engine", "cache", "settings", project=project))
    said = something()
    assert (await own.create(said)).headers.get("X-Cache") is None
    await own.send("PATCH", "/v1/settings/backstory", {"cache": True})
    assert (await own.create(said)).headers["X-Cache"] == "MISS"
    theirs = own.as_user("alice")
    assert (await theirs.create(something())).headers["X-Cache"] == "MISS"
    await put(own, "backstory", {})

    async def off_again() -> bool:
        return "X-Cache" not in (await theirs.create(something())).headers

    await eventually(off_again)
