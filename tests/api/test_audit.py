"""Who did what: told to admins, each its own project, without secrets and without floods."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.audit.failures import Failure, Failures, drop_old
from app.audit.record import audit
from app.audit.types import Event, Subject
from app.db.database import Database, open_database
from app.identity.secrets import make_token
from app.ids import KeyId, ProjectId, id_at, id_text, new_id
from app.web.principal import Principal
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.memories import somebody
from tests.support.rows import connected, count, new_key, new_project, new_session, tables_with
from tests.support.service import Service


@pytest.fixture
async def project(backstory: Service) -> ProjectId:
    return await new_project(backstory)


@pytest.fixture
async def admin(backstory: Service, api: Api, project: ProjectId) -> Api:
    return api.with_key(await new_key(backstory, "admin", project=project))


@pytest.fixture
async def database(backstory: Service) -> Any:
    async with open_database(backstory.urls.service, backstory.config) as database:
        yield database


async def events(speaker: Api, query: str = "") -> list[Json]:
    reply = await speaker.get(f"/v1/audit?limit=100{query}")
    assert reply.status == 200, reply.raw
    found: list[Json] = reply.body["data"]
    return found


async def test_refused_keys_are_counted_and_not_kept(
    backstory: Service, api: Api, project: ProjectId, admin: Api
) -> None:
    guesses = [make_token(project) for _ in range(20)]
    replies = await asyncio.gather(*(api.with_key(guess).get("/v1/models") for guess in guesses))
    assert {reply.status for reply in replies} == {401}

    async def counted() -> list[Json]:
        found = await events(admin, "&event=api_key.refused")
        return found if sum(event["times"] for event in found) == 20 else []

    found = await eventually(counted)
    assert len(found) <= 2  # where the minute turned between them
    assert found[0]["actor"] == {"type": "unknown", "id": None, "user": None}
    assert found[0]["subject"] is None
    assert found[0]["address"] == "127.0.0.1"
    for guess in guesses:
        assert not await tables_with(backstory, guess[38:50])


async def test_a_revoked_key_is_named(
    backstory: Service, api: Api, project: ProjectId, admin: Api
) -> None:
    revoked = await new_key(backstory, "engine", project=project, revoked_at=datetime.now(UTC))
    assert (await api.with_key(revoked).get("/v1/models")).status == 401
    [event] = await eventually(lambda: events(admin))
    async with connected(backstory.urls.owner) as conn:
        key_id = await conn.fetchval(
            "SELECT key_id FROM api_keys WHERE prefix = $1", revoked[38:50]
        )
    assert event["subject"] == {"type": "api_key", "id": id_text("key", key_id), "user": None}
    assert await events(admin, f"&subject={event['subject']['id']}") == [event]


async def test_a_key_of_no_project_leaves_nothing(backstory: Service, api: Api) -> None:
    nowhere = ProjectId(new_id())
    assert (await api.with_key(make_token(nowhere)).get("/v1/models")).status == 401
    known = await new_project(backstory)
    await api.with_key(make_token(known)).get("/v1/models")
    sql = "SELECT count(*) FROM audit_events WHERE project_id = $1"
    await eventually(lambda: count(backstory, sql, known))
    assert await count(backstory, sql, nowhere) == 0


async def test_too_many_addresses_are_counted_together(
    database: Database, project: ProjectId, admin: Api
) -> None:
    failures = Failures(database, addresses_max=3)
    for number in range(10):
        failures.note(Failure(project, Event.KEY_REFUSED, None, f"10.0.0.{number}"))
    await failures.flush()
    failures.note(Failure(project, Event.KEY_REFUSED, None, "10.0.0.1"))
    await failures.flush()
    await failures.flush()
    found = {event["address"]: event["times"] for event in await events(admin)}
    assert sum(found.values()) == 11
    assert found[None] >= 6  # more where the minute turned


async def test_each_sees_its_own_project(
    backstory: Service, api: Api, database: Database, project: ProjectId, admin: Api
) -> None:
    principal = Principal(project, KeyId(new_id()), frozenset())
    async with database.tenant(project) as conn:
        await audit(conn, project, Event.PROJECT_RENAMED, principal=principal, detail={"to": "x"})
    [event] = await events(admin)
    assert (event["event"], event["detail"]) == ("project.renamed", {"to": "x"})
    name = id_text("proj", project)
    root = api.with_key(backstory.admin_key)
    assert await events(root, f"&project={name}") == [event]
    assert event not in await events(root)
    assert await events(admin, f"&project={name}") == [event]
    other = api.with_key(await new_key(backstory, "admin", project=await new_project(backstory)))
    unknown = id_text("proj", new_id())
    for speaker, named in ((other, name), (other, unknown), (root, unknown), (root, "x")):
        reply = await speaker.get(f"/v1/audit?project={named}")
        assert (reply.status, reply.error["code"]) == (404, "not_found")
        assert reply.error["message"] == f"Project with id '{named}' not found."
    session = api.with_key(await new_session(backstory, somebody()))
    for speaker in (api, session):
        assert (await speaker.get("/v1/audit")).status == 403


async def test_filters_and_pages(database: Database, project: ProjectId, admin: Api) -> None:
    keys = [new_id() for _ in range(5)]
    for key in keys:
        async with database.tenant(project) as conn:
            subject = Subject("api_key", key)
            await audit(conn, project, Event.KEY_CREATED, principal=None, subject=subject)
    newest = await events(admin)
    assert [event["subject"]["id"] for event in newest] == [id_text("key", k) for k in keys[::-1]]
    assert await events(admin, "&order=asc") == newest[::-1]
    assert await events(admin, f"&after={newest[1]['id']}") == newest[2:]
    assert await events(admin, f"&before={newest[2]['id']}") == newest[:2]
    assert await events(admin, f"&order=asc&after={newest[2]['id']}") == newest[1::-1]
    assert await events(admin, "&since=2100-01-01") == []
    assert await events(admin, "&until=2020-01-01") == []
    assert len(await events(admin, "&since=2020-01-01&until=2100-01-01&event=api_key.created")) == 5
    for wrong in ("event=x", "actor=x", "subject=key_1", "since=x", "limit=0", "after=x"):
        reply = await admin.get(f"/v1/audit?{wrong}")
        assert (reply.status, reply.error["param"]) == (400, wrong.partition("=")[0]), wrong


async def test_an_erased_user_leaves_an_id_and_no_address(
    backstory: Service, api: Api, database: Database, project: ProjectId, admin: Api
) -> None:
    me = somebody()
    await new_session(backstory, me, project=project)
    async with connected(backstory.urls.owner) as conn:
        user = await conn.fetchval("SELECT user_id FROM users WHERE external_id = $1", me)
    speaking = Principal(project, None, frozenset(), user=user)
    about = Subject("user", user)
    for principal, subject in ((speaking, None), (None, about)):
        async with database.tenant(project) as conn:
            await audit(
                conn,
                project,
                Event.KEY_CHANGED,
                principal=principal,
                subject=subject,
                address="192.0.2.7",
            )
    about_event, acted = await events(admin)
    assert (acted["actor"]["user"], about_event["subject"]["user"]) == (me, me)
    users = api.with_key(await new_key(backstory, "users", project=project))
    assert (await users.delete(f"/v1/users/{me}")).status == 200
    deleted, about_event, acted = await events(admin)
    assert (deleted["event"], deleted["actor"]["type"]) == ("user.deleted", "api_key")
    assert deleted["subject"] == about_event["subject"]
    assert acted["actor"] == {"type": "user", "id": id_text("user", user), "user": None}
    assert about_event["subject"]["user"] is None
    assert (acted["address"], about_event["address"]) == (None, None)


async def test_old_events_are_dropped(
    backstory: Service, database: Database, project: ProjectId, admin: Api
) -> None:
    async with database.tenant(project) as conn:
        await audit(conn, project, Event.PROJECT_CREATED, principal=None)
        await audit(conn, project, Event.PROJECT_RENAMED, principal=None)
    old = datetime.now(UTC) - timedelta(days=400)
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            "UPDATE audit_events SET created_at = $1, event_id = $2 "
            "WHERE project_id = $3 AND event = 'project.created'",
            *(old, id_at(old), project),
        )
    assert len(await events(admin)) == 2
    await drop_old(database, 365)
    assert [event["event"] for event in await events(admin)] == ["project.renamed"]
