"""Backstory's own settings, of a project and of a user: what a request does not say itself."""

import asyncio

import pytest

from tests.support.api import Api, Json, text_of
from tests.support.engine import FakeEngine
from tests.support.eventually import eventually
from tests.support.heard import heard, something
from tests.support.rows import new_key, new_project
from tests.support.service import Service
from tests.support.settings import set_own


class Project:
    """A project of its own, whose settings nobody has read yet."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def set(self, document: Json, user: str | None = None) -> None:
        await set_own(self.api.as_user(user) if user else self.api, document)


@pytest.fixture
async def project(backstory: Service, api: Api) -> Project:
    made = await new_project(backstory)
    key = await new_key(backstory, "engine", "cache", "usage:read", "settings", project=made)
    return Project(api.with_key(key))


async def test_the_cache_can_be_on_for_all(project: Project, shared_engine: FakeEngine) -> None:
    await project.set({"cache": True})
    said = something()
    statuses = [(await project.api.create(said)).headers.get("X-Cache") for _ in range(2)]
    assert statuses == ["MISS", "HIT"]
    assert (await project.api.create(said, cache=False)).headers.get("X-Cache") is None
    assert len(heard(shared_engine, said)) == 2


async def test_the_cache_can_be_off_for_all(project: Project, shared_engine: FakeEngine) -> None:
    await project.set({"cache": False})
    said = something()
    for _ in range(2):
        assert (await project.api.create(said, temperature=0)).headers.get("X-Cache") is None
    assert (await project.api.create(said, cache=True)).headers["X-Cache"] == "MISS"
    assert len(heard(shared_engine, said)) == 3


async def test_a_namespace_can_be_everybody_s(project: Project, shared_engine: FakeEngine) -> None:
    await project.set({"cache": {"namespace": "all of us"}})
    said = something()
    for name, status in (("alice", "MISS"), ("bob", "HIT")):
        assert (await project.api.as_user(name).create(said)).headers["X-Cache"] == status
    assert len(heard(shared_engine, said)) == 1


async def test_a_user_s_settings_overlay_the_project_s(project: Project) -> None:
    await project.set({"cache": True})
    alice = project.api.as_user("alice")
    await project.set({"cache": False}, "alice")
    assert (await alice.create(something())).headers.get("X-Cache") is None
    bob = project.api.as_user("bob")
    assert (await bob.create(something())).headers["X-Cache"] == "MISS"


async def test_a_client_that_leaves_can_end_the_call(
    project: Project, shared_engine: FakeEngine
) -> None:
    """`on_disconnect: cancel`: the engine stops, and what had come is stored as failed."""
    await project.set({"on_disconnect": "cancel"})
    said = something("[[words:1000]] [[delay:0.01]]")
    async with project.api.streaming(said) as answer:
        head = await answer.content.readuntil(b"\n\n")
        await answer.content.readuntil(b"text.delta")
    call = heard(shared_engine, said)[0]
    async with asyncio.timeout(5):
        await call.ended.wait()
    assert call.client_left
    response_id = head.split(b'"id":"')[1].split(b'"')[0].decode()

    async def ended() -> Json | None:
        reply = await project.api.get(f"/v1/responses/{response_id}")
        running = reply.status != 200 or reply.body["status"] == "in_progress"
        return None if running else reply.body

    body = await eventually(ended)
    assert body
    assert body["status"] in ("failed", "cancelled")
    assert 0 < len(text_of(body).split()) < 1000


@pytest.mark.parametrize("document", [{"surprise": 1}, {"on_disconnect": "hang up"}, {"cache": 5}])
async def test_a_wrong_setting_is_refused(project: Project, document: Json) -> None:
    reply = await project.api.send("PUT", "/v1/settings/backstory", document)
    assert (reply.status, reply.error["param"]) == (400, min(document))
