"""Two services on one database: what is revoked or deleted at one is refused at the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from tests.support.api import Api, open_api
from tests.support.eventually import eventually
from tests.support.keys import as_project, create_key, made_key, made_project, opens
from tests.support.memories import somebody
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import new_session
from tests.support.service import Service, run_service

TTL_SECONDS = 1.0
KEYS_MAX = 6
PROJECTS_MAX = 12
SLACK_SECONDS = 3.0
"""Two cores, many processes."""


@pytest.fixture(scope="module")
async def services(
    backstory: Service, postgres: EmbeddedPostgres
) -> AsyncIterator[tuple[Service, Service]]:
    config = msgspec.structs.replace(
        backstory.config,
        principal_ttl_seconds=TTL_SECONDS,
        keys_per_project_max=KEYS_MAX,
        projects_max=PROJECTS_MAX,
        key_uses_flush_seconds=0.05,
    )
    with fresh_database(postgres) as urls:
        async with run_service(urls, config) as first, run_service(urls, config) as second:
            yield first, second


@pytest.fixture
async def here(services: tuple[Service, Service]) -> AsyncIterator[Api]:
    """The root admin, at the first service."""
    async with open_api(services[0]) as api:
        yield api.with_key(services[0].admin_key)


@pytest.fixture
async def there(services: tuple[Service, Service]) -> AsyncIterator[Api]:
    async with open_api(services[1]) as api:
        yield api.with_key(services[0].admin_key)


async def refused_in_time(opens: Callable[[], Awaitable[bool]]) -> None:
    async def refused() -> bool:
        return not await opens()

    await eventually(refused, seconds=TTL_SECONDS + SLACK_SECONDS)


async def test_a_revoked_key_is_refused_everywhere(here: Api, there: Api) -> None:
    made = await made_key(here, "engine", project=await made_project(here))
    assert await opens(here, made["key"])
    assert await opens(there, made["key"])
    path = f"/v1/api_keys/{made['id']}?project={made['project']}"
    assert (await here.delete(path)).status == 200
    assert not await opens(here, made["key"])
    await refused_in_time(lambda: opens(there, made["key"]))


async def test_a_rotated_key_is_refused_everywhere(here: Api, there: Api) -> None:
    made = await made_key(here, "engine", project=await made_project(here))
    assert await opens(there, made["key"])
    path = f"/v1/api_keys/{made['id']}/rotate?project={made['project']}"
    new = (await here.send("POST", path)).body["key"]
    assert await opens(there, new)
    assert not await opens(here, made["key"])
    await refused_in_time(lambda: opens(there, made["key"]))


async def test_a_deleted_project_is_refused_everywhere(
    services: tuple[Service, Service], here: Api, there: Api
) -> None:
    project = await made_project(here)
    made = await made_key(here, "engine", project=project)
    session = await new_session(services[0], somebody(), project=as_project(project))
    for token in (made["key"], session):
        assert await opens(here, token)
        assert await opens(there, token)
    assert (await here.delete(f"/v1/projects/{project}")).status == 200
    for token in (made["key"], session):
        assert not await opens(here, token)
        await refused_in_time(lambda token=token: opens(there, token))  # type: ignore[misc]  # a lambda with a default
    for speaker in (here, there):
        assert (await speaker.get(f"/v1/projects/{project}")).status == 404
        assert (await speaker.get(f"/v1/api_keys?project={project}")).status == 404
        assert (await create_key(speaker, "engine", project=project)).status == 404


async def test_a_key_says_when_it_was_used(here: Api) -> None:
    project = await made_project(here)
    made = await made_key(here, "engine", project=project)
    assert made["last_used_at"] is None
    assert await opens(here, made["key"])

    async def used() -> Any:
        shown = await here.get(f"/v1/api_keys/{made['id']}?project={project}")
        return shown.body["last_used_at"]

    first = await eventually(used)
    assert first >= made["created_at"]
    assert await opens(here, made["key"])

    async def used_again() -> bool:
        return bool(await used() > first)

    await eventually(used_again)


async def test_a_project_has_so_many_keys(here: Api) -> None:
    project = await made_project(here)
    asked = (create_key(here, "engine", project=project) for _ in range(KEYS_MAX + 3))
    replies = await asyncio.gather(*asked)
    assert sorted(reply.status for reply in replies) == [200] * KEYS_MAX + [409] * 3
    assert {r.error["code"] for r in replies if r.status == 409} == {"too_many_keys"}
    one = next(reply.body for reply in replies if reply.status == 200)
    assert (await here.delete(f"/v1/api_keys/{one['id']}?project={project}")).status == 200
    assert (await create_key(here, "engine", project=project)).status == 200


async def test_one_key_that_administers_is_kept(
    services: tuple[Service, Service], here: Api, there: Api
) -> None:
    """Also by two that give up themselves, at two services at once."""
    listed = (await here.get("/v1/api_keys?limit=100")).body["data"]
    admins = [key for key in listed if "admin" in key["scopes"]]
    assert len(admins) == 2  # each service that starts makes keys where it knows of none
    texts = [service.admin_key for service in services]
    ids = [next(key["id"] for key in admins if text[38:50] in key["prefix"]) for text in texts]
    speakers = [here.with_key(texts[0]), there.with_key(texts[1])]
    replies = await asyncio.gather(
        speakers[0].delete(f"/v1/api_keys/{ids[0]}"),
        speakers[1].send("PATCH", f"/v1/api_keys/{ids[1]}", {"scopes": ["engine"]}),
    )
    statuses = [reply.status for reply in replies]
    assert sorted(statuses) == [200, 409], replies
    last = statuses.index(409)
    path = f"/v1/api_keys/{ids[last]}"
    for reply in (
        await speakers[last].delete(path),
        await speakers[last].send("PATCH", path, {"scopes": ["engine"]}),
        await speakers[last].send("PATCH", path, {"expires_at": "2100-01-01"}),
    ):
        assert (reply.status, reply.error["code"]) == (409, "last_admin_key"), reply.raw
    spare = await made_key(speakers[last], "admin")
    assert (await speakers[last].delete(path)).status == 200
    assert (await here.with_key(spare["key"]).get("/v1/projects")).status == 200
