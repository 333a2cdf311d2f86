"""Backstory's own settings by HTTP: checked field by field, and in force at once."""

import asyncio
from typing import Any

import pytest

from app.db.database import open_database
from app.ids import ProjectId
from app.settings import queries
from app.settings.read import SettingsReader
from tests.support.api import MODEL, Api, Json
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.facts import Talk, fact
from tests.support.heard import something
from tests.support.rows import connected, new_key, new_project
from tests.support.service import Service

PATH = "/v1/settings/backstory"
SET = """
    INSERT INTO settings (project_id, user_id, key, value)
    VALUES ($1, '00000000-0000-0000-0000-000000000000', 'backstory', '{"facts": "engine"}')
"""
SCOPES = ("settings", "engine", "memory:read", "memory:write", "usage:read", "admin")


@pytest.fixture
async def project(backstory: Service) -> ProjectId:
    return await new_project(backstory)


@pytest.fixture
async def speaker(backstory: Service, api: Api, project: ProjectId) -> Api:
    return api.with_key(await new_key(backstory, *SCOPES, project=project))


WRONG: list[tuple[object, str | None]] = [
    ({"surprise": 1}, "surprise"),
    ({"facts": "engine", "fact": "engine"}, "fact"),
    ({"facts": "yes"}, "facts"),
    ({"facts": None}, "facts"),
    ({"on_disconnect": "hang up"}, "on_disconnect"),
    ({"summarize_after": 0}, "summarize_after"),
    ({"summarize_after": 12_001}, "summarize_after"),
    ({"summarize_after": 1.5}, "summarize_after"),
    ({"memory_retention_days": "30"}, "memory_retention_days"),
    ({"memory_language": "german"}, "memory_language"),
    ({"cache": 5}, "cache"),
    ({"cache": {"mode": "odd"}}, "cache.mode"),
    ({"cache": {"ttl": 5}}, "cache.ttl"),
    ({"memory": {"recall": {"limit": 0}}}, "memory.recall.limit"),
    ({"memory": {"recall": {"min_score": "high"}}}, "memory.recall.min_score"),
    ({"memory": {"recall": {"min_score": 1.0}, "forget": True}}, "memory.forget"),
    ({"facts_model": "a\x00b"}, None),
    ([], "value"),
    ("facts", "value"),
    (5, "value"),
]


@pytest.mark.parametrize(("document", "param"), WRONG, ids=str)
async def test_a_wrong_field_is_named(speaker: Api, document: Json, param: str | None) -> None:
    for method, path in (("PUT", PATH), ("PUT", "/v1/users/alice/settings/backstory")):
        reply = await speaker.send(method, path, document)
        assert (reply.status, reply.error["param"]) == (400, param), reply.raw
        assert (await speaker.get(path)).status == 404


async def test_a_number_that_nothing_can_hold_is_refused(speaker: Api) -> None:
    for number in (b"1e400", b"1e99999999999999999999"):
        body = b'{"memory":{"recall":{"min_score":' + number + b"}}}"
        assert (await speaker.send("PUT", PATH, data=body)).status == 400


async def test_a_patch_is_checked_as_what_it_makes(speaker: Api) -> None:
    right = {"summarize_after": 2_000, "memory_retention_days": 30, "memory_language": "de"}
    assert (await speaker.send("PUT", PATH, right)).body["value"] == right
    refused = await speaker.send("PATCH", PATH, {"facts": "yes"})
    assert (refused.status, refused.error["param"]) == (400, "facts")
    patched = await speaker.send("PATCH", PATH, {"memory_retention_days": None, "facts": "engine"})
    assert patched.body["value"] == {
        "summarize_after": 2_000,
        "memory_language": "de",
        "facts": "engine",
    }
    of_bob = (await speaker.get("/v1/users/bob/settings/backstory")).body["value"]
    assert of_bob["facts"] == "engine"


async def test_they_hold_at_once_and_no_longer_than_they_are_set(speaker: Api) -> None:
    alice, bob = speaker.as_user("alice"), speaker.as_user("bob")

    async def cached(api: Api) -> bool:
        return (await api.create(something())).headers.get("X-Cache") == "MISS"

    assert not await cached(alice)
    await speaker.send("PUT", PATH, {"cache": True})
    assert await cached(alice)
    assert await cached(bob)
    await speaker.send("PUT", "/v1/users/bob/settings/backstory", {"cache": False})
    assert await cached(alice)
    assert not await cached(bob)
    await speaker.delete("/v1/users/bob/settings/backstory")
    assert await cached(bob)
    await speaker.delete(PATH)
    assert not await cached(alice)


async def test_facts_can_be_switched_on(
    backstory: Service, speaker: Api, project: ProjectId, shared_engine: FakeEngine
) -> None:
    """By one PUT, and off again: nothing but the API is touched."""
    talk = Talk(backstory, project, speaker, shared_engine)
    said = "I keep bees in Ulm."
    await talk.say(said, fact("The user keeps bees in Ulm."))
    assert await talk.facts() == []
    await speaker.send("PUT", PATH, {"facts": "engine", "facts_model": MODEL})
    assert (await talk.api.send("POST", "/v1/memories/extract", {})).status == 202

    async def found() -> list[Json]:
        return await talk.facts()

    (kept,) = await eventually(found)
    assert kept["content"] == "The user keeps bees in Ulm."
    await speaker.send("PATCH", PATH, {"facts": "off"})
    refused = await talk.api.send("POST", "/v1/memories/extract", {})
    assert (refused.status, refused.error["code"]) == (409, "facts_off")
    await talk.say("I play the flute.", fact("The user plays the flute."))
    assert len(await talk.facts()) == 1


async def test_what_was_read_before_a_change_is_not_remembered(
    backstory: Service, project: ProjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that is overtaken by a change gives what it saw, and nobody else gets that."""
    began, go_on = asyncio.Event(), asyncio.Event()
    really = queries.list_overlaid

    async def slowly(*args: Any) -> Any:
        found = await really(*args)
        began.set()
        await go_on.wait()
        return found

    async with open_database(backstory.urls.service, backstory.config) as database:
        reader = SettingsReader(database, ttl_seconds=3600)
        monkeypatch.setattr(queries, "list_overlaid", slowly)
        reading = asyncio.create_task(reader.read(project, None))
        await began.wait()
        async with connected(backstory.urls.owner) as conn:
            await conn.execute(SET, project)
        reader.forget(project, None)
        go_on.set()
        assert (await reading).facts == "off"
        assert (await reader.read(project, None)).facts == "engine"
