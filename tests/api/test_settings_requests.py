"""Changing settings by requests that are repeated, odd, or not for the one who sends them."""

import asyncio

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, open_api
from tests.support.memories import somebody
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import new_key, new_project
from tests.support.service import Service, run_service

PATH = "/v1/settings/shared"


@pytest.fixture
async def speaker(backstory: Service, api: Api) -> Api:
    """A key of a project of its own."""
    project = await new_project(backstory)
    return api.with_key(await new_key(backstory, "settings", project=project))


def once(api: Api) -> Api:
    return api.with_headers({"Idempotency-Key": somebody()})


async def test_a_repeated_request_is_done_once(speaker: Api) -> None:
    keyed = once(speaker)
    replies = await asyncio.gather(*(keyed.send("PATCH", PATH, {"a": 1}) for _ in range(4)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.raw for reply in replies}) == 1
    assert {reply.headers["ETag"] for reply in replies} == {'"1"'}
    assert len((await speaker.get(f"{PATH}/history")).body["data"]) == 1
    deleting = once(speaker)
    gone = [(await deleting.delete(PATH)).body for _ in range(2)]
    assert gone[0] == gone[1]
    assert gone[0]["version"] == 2


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", PATH, {"a": 2}),
        ("PUT", PATH, {"a": 1}),
        ("PATCH", "/v1/settings/other", {"a": 1}),
        ("PATCH", "/v1/users/alice/settings/shared", {"a": 1}),
    ],
)
async def test_another_request_needs_another_key(
    speaker: Api, method: str, path: str, body: object
) -> None:
    keyed = once(speaker)
    await keyed.send("PATCH", PATH, {"a": 1})
    assert (await keyed.send(method, path, body)).status == 422


async def test_what_was_refused_may_be_tried_again(speaker: Api) -> None:
    keyed = once(speaker)
    refused = await keyed.with_headers({"If-Match": '"1"'}).send("PUT", PATH, 1)
    assert (refused.status, refused.error["param"]) == (412, "if-match")
    assert (await keyed.send("PUT", PATH, 1)).status == 200


async def test_a_value_is_kept_as_it_was_written(speaker: Api) -> None:
    """Digit for digit, and in its order, wherever it is shown."""
    sent = b'{"z":1.10,"a":123456789012345678901234567890,"huge":1e400,"m":[-0.0, 1E+2,0e5]}'
    keyed, shown = once(speaker), b'"value":' + sent
    for _ in range(2):
        assert shown in (await keyed.send("PUT", PATH, data=b"\n " + sent + b"\n")).raw
    for path in (PATH, "/v1/settings", f"{PATH}/history", "/v1/users/alice/settings/shared"):
        assert shown in (await speaker.get(path)).raw, path
    own = await speaker.send("PATCH", "/v1/users/alice/settings/shared", data=b'{"own":0.10}')
    assert b'"value":{"own":0.10}' in own.raw
    over = (await speaker.get("/v1/users/alice/settings/shared")).raw
    assert sent[:-1] + b',"own":0.10}' in over


@pytest.mark.parametrize(
    "body", [b'"a\\u0000b"', b'{"a":[{"\\u0000":1}]}', b"[" * 33 + b"]" * 33, b"1e", b"9" * 5_000]
)
async def test_what_no_setting_may_hold(speaker: Api, body: bytes) -> None:
    for method in ("PUT", "PATCH"):
        assert (await speaker.send(method, PATH, data=body)).status == 400
    assert (await speaker.get(PATH)).status == 404


async def test_a_number_beyond_all_bounds_is_kept(speaker: Api) -> None:
    number = b"1e99999999999999999999999999"
    assert number in (await speaker.send("PUT", PATH, data=number)).raw
    assert number in (await speaker.get(PATH)).raw


async def test_a_patch_that_grows_too_large_is_refused(speaker: Api) -> None:
    await speaker.send("PUT", PATH, {"a": "x" * 65_000})
    assert (await speaker.send("PATCH", PATH, {"b": "y" * 1_000})).status == 413
    assert (await speaker.get(PATH)).body["version"] == 1


async def test_a_json_patch_is_no_merge_patch(speaker: Api) -> None:
    sent = [{"op": "remove", "path": "/a"}]
    other = speaker.with_headers({"Content-Type": "application/json-patch+json"})
    refused = await other.send("PATCH", PATH, sent)
    assert (refused.status, refused.error["code"]) == (415, "unsupported_media_type")
    merge = speaker.with_headers({"Content-Type": "application/merge-patch+json"})
    assert (await merge.send("PATCH", PATH, {"a": 1})).status == 200


async def test_a_cache_asks_whether_it_is_still_so(speaker: Api) -> None:
    tag = (await speaker.send("PUT", PATH, {"a": 1})).headers["ETag"]
    cached = speaker.with_headers({"If-None-Match": tag})
    same = await cached.get(PATH)
    assert (same.status, same.raw, same.headers["ETag"]) == (304, b"", tag)
    await speaker.send("PUT", "/v1/users/alice/settings/shared", {"b": 1})
    of_user = await cached.get("/v1/users/alice/settings/shared")
    assert (of_user.status, of_user.body["value"]) == (200, {"a": 1, "b": 1})
    await speaker.send("PUT", PATH, {"a": 2})
    assert (await cached.get(PATH)).body["value"] == {"a": 2}


async def test_another_project_sees_nothing(backstory: Service, api: Api, speaker: Api) -> None:
    for place in ("/v1/settings", "/v1/users/alice/settings"):
        await speaker.send("PUT", f"{place}/shared", "ours")
    elsewhere = await new_project(backstory)
    stranger = api.with_key(await new_key(backstory, "settings", "admin", project=elsewhere))
    for place in ("/v1/settings", "/v1/users/alice/settings"):
        assert (await stranger.get(f"{place}/shared")).status == 404
        assert (await stranger.get(f"{place}/shared/history")).status == 404
        assert (await stranger.delete(f"{place}/shared")).status == 404
        assert (await stranger.get(place)).body["data"] == []
    assert (await stranger.get("/v1/settings-changes?user=*")).body["data"] == []
    theirs = await stranger.send("PUT", "/v1/users/alice/settings/shared", "theirs")
    assert theirs.body["version"] == 1
    assert (await speaker.get("/v1/users/alice/settings/shared")).body["value"] == "ours"


async def test_the_document_says_what_is_taken(api: Api) -> None:
    paths = (await api.get("/openapi.json")).body["paths"]
    for path in ("/v1/settings/{key}", "/v1/users/{user}/settings/{key}"):
        taken = {name: paths[path][name]["requestBody"]["content"] for name in ("put", "patch")}
        assert set(taken["put"]) == {"application/json"}
        assert set(taken["patch"]) == {"application/merge-patch+json"}


async def test_no_more_deleted_settings_are_kept_than_there_may_be(
    postgres: EmbeddedPostgres, backstory: Service
) -> None:
    """Who makes and deletes one after the other fills no table."""
    config = msgspec.structs.replace(backstory.config, settings_max=3)
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as service, open_api(service) as api:
            for number in (*range(8), 6):
                path = f"/v1/settings/k{number}"
                assert (await api.send("PUT", path, number)).status == 200
                assert (await api.delete(path)).status == 200
            await api.send("PUT", "/v1/settings/k7", "again")
            feed = (await api.get("/v1/settings-changes?limit=100")).body["data"]
            history = (await api.get("/v1/settings/k6/history")).body["data"]
    assert {change["key"] for change in feed} == {"k6", "k7"}
    assert [version["version"] for version in history] == [4, 3, 2, 1]
