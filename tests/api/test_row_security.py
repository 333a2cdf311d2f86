"""The second wall: whatever a query forgets, the service's role sees one project, and no other."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import msgspec
import pytest

from app.config import Config
from app.conversations import queries as conversations
from app.db.database import acting_user, check_role, open_database
from app.db.sql import Connection, Statement
from app.errors import StartError
from app.ids import ProjectId, UserId, new_id
from app.main import create_app
from app.responses import queries as responses
from app.usage import queries as usage
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.forgetful import forgetful
from tests.support.heard import something
from tests.support.postgres_fixtures import psql
from tests.support.rows import connected, new_key, new_project, tenant_tables
from tests.support.service import Service


class Two(msgspec.Struct, frozen=True):
    """A project with data, and one that has nothing to do with it."""

    project: ProjectId
    stranger: ProjectId
    response: Json
    request_id: UUID

    @property
    def response_id(self) -> UUID:
        return UUID(self.response["id"].removeprefix("resp_"))


@pytest.fixture
async def two(backstory: Service, api: Api) -> Two:
    project, stranger = await new_project(backstory), await new_project(backstory)
    scopes = ("engine", "usage:read", "memory:write", "settings")
    ours = api.with_key(await new_key(backstory, *scopes, project=project)).as_user("alice")
    theirs = api.with_key(await new_key(backstory, *scopes, project=stranger))
    await theirs.respond(something())
    asked = {"temperature": 0, "instructions": "Be brief.", "tools": [], "cache": True}
    reply = await ours.with_headers({"Idempotency-Key": "k"}).create(something(), **asked)
    await ours.send("POST", "/v1/conversations", {})

    async def remembered() -> bool:
        async with as_service(backstory, project) as conn:
            return bool(await conn.fetchval("SELECT count(*) FROM memory_vectors"))

    await eventually(remembered)
    request_id = UUID(reply.headers["x-request-id"].removeprefix("req_"))
    return Two(project, stranger, reply.body, request_id)


@asynccontextmanager
async def as_service(
    service: Service, project: ProjectId | None = None, user: UserId | None = None
) -> AsyncIterator[Connection]:
    """A transaction of the service's role, which is rolled back."""
    async with connected(service.urls.service) as conn:
        await conn.set_type_codec(
            "json", schema="pg_catalog", encoder=str, decoder=msgspec.json.decode
        )
        transaction = conn.transaction()
        await transaction.start()
        if project is not None:
            await conn.execute(f"SET LOCAL app.project = '{project}'")
        if user is not None:
            await conn.execute(f"SET LOCAL app.\"user\" = '{user}'")
        yield conn
        await transaction.rollback()


# Reading


async def test_without_a_project_nothing_is_seen(backstory: Service, two: Two) -> None:
    async with as_service(backstory) as conn:
        for table in await tenant_tables(conn):
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_with_a_project_all_of_it_is_seen_and_nothing_else(
    backstory: Service, two: Two
) -> None:
    async with connected(backstory.urls.owner) as owner:
        tables = await tenant_tables(owner)
        expected = {
            table: await owner.fetchval(
                f"SELECT count(*) FROM {table} WHERE project_id = $1", two.project
            )
            for table in tables
        }
    full = {table for table, rows in expected.items() if rows}
    assert full >= {"responses", "items", "contents", "requests", "memories", "cache_entries"}
    async with as_service(backstory, two.project) as conn:
        for table in tables:
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == expected[table], table


async def test_an_empty_or_foreign_setting_opens_nothing(backstory: Service, two: Two) -> None:
    async with connected(backstory.urls.service) as conn:
        for value in ("", str(new_id())):
            await conn.execute("SELECT set_config('app.project', $1, false)", value)
            assert await conn.fetchval("SELECT count(*) FROM responses") == 0
        await conn.execute("SET app.project = 'all'")
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await conn.fetchval("SELECT count(*) FROM responses")


@pytest.mark.parametrize(
    "name", ["get_response", "get_log", "get_turn", "list_requests_newest_first", "get_request"]
)
async def test_a_query_that_forgets_the_project_sees_nothing_foreign(
    backstory: Service, two: Two, name: str
) -> None:
    values: dict[str, object] = {
        "project": two.project,
        "response_id": two.response_id,
        "turn_id": two.response_id,
        "request_id": two.request_id,
        "user_id": None,
        "since": await _time_of(backstory, two, "- interval '1 hour'"),
        "until": await _time_of(backstory, two, "+ interval '1 hour'"),
        "created_at": await _time_of(backstory, two, ""),
        "most": 1000,
    }
    statement = STATEMENTS[name]
    arguments = [values.get(parameter) for parameter in statement.parameters]
    async with as_service(backstory, two.project) as conn:
        own = await conn.fetch(forgetful(statement), *arguments)
        assert own  # the text still finds what it may find
    async with as_service(backstory, two.stranger) as conn:
        foreign = await conn.fetch(forgetful(statement), *arguments)
        assert not [row for row in foreign if row in own]


STATEMENTS: dict[str, Statement] = {
    "get_response": responses._get_response,
    "get_log": responses._get_log,
    "get_turn": conversations._get_turn,
    "list_requests_newest_first": usage._list_newest_first,
    "get_request": usage._get_request,
}


async def _time_of(service: Service, two: Two, shift: str) -> object:
    async with connected(service.urls.owner) as conn:
        found: object = await conn.fetchval(
            f"SELECT created_at {shift} FROM requests WHERE request_id = $1", two.request_id
        )
        assert found is not None
        return found


async def test_a_user_that_is_set_is_a_wall_too(backstory: Service, api: Api) -> None:
    project = await new_project(backstory)
    speaker = api.with_key(await new_key(backstory, "engine", project=project))
    for name in ("alice", "bob"):
        await speaker.as_user(name).respond(something())
    async with connected(backstory.urls.owner) as conn:
        alice = await conn.fetchval(
            "SELECT user_id FROM users WHERE project_id = $1 AND external_id = 'alice'", project
        )
    async with as_service(backstory, project, alice) as conn:
        for table in ("responses", "turns", "items", "contents", "requests", "users"):
            owners = await conn.fetch(f"SELECT DISTINCT user_id FROM {table}")
            assert [row["user_id"] for row in owners] == [alice], table
    async with open_database(backstory.urls.service, backstory.config) as database:
        acting_user.set(alice)
        async with database.tenant(project) as conn:
            assert await conn.fetchval("SELECT count(DISTINCT user_id) FROM responses") == 1
        async with database.tenant(project, everyone=True) as conn:
            assert await conn.fetchval("SELECT count(DISTINCT user_id) FROM responses") == 2
        acting_user.set(None)


async def test_a_project_does_not_outlive_its_transaction(backstory: Service, two: Two) -> None:
    """On one connection: the next who gets it from the pool sees nothing of the last."""
    config = msgspec.structs.replace(backstory.config, database_pool_max=1)
    async with open_database(backstory.urls.service, config) as database:
        for fails in (False, True):
            try:
                async with database.tenant(two.project) as conn:
                    assert await conn.fetchval("SELECT count(*) FROM responses") > 0
                    if fails:
                        await conn.execute("SELECT 1 / 0")
            except asyncpg.DivisionByZeroError:
                assert fails
            async with database.across() as conn:
                assert await conn.fetchval("SELECT count(*) FROM responses") == 0
            async with database.tenant(two.stranger) as conn:
                seen = await conn.fetch("SELECT DISTINCT project_id FROM responses")
                assert [row["project_id"] for row in seen] == [two.stranger]


# Writing


async def test_a_row_cannot_be_given_to_another_project(backstory: Service, two: Two) -> None:
    async with connected(backstory.urls.owner) as owner:
        full = [
            table
            for table in await tenant_tables(owner)
            if await owner.fetchval(
                f"SELECT count(*) FROM {table} WHERE project_id = $1", two.project
            )
        ]
    assert len(full) > 10
    for table in full:
        async with as_service(backstory, two.project) as conn:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute(f"UPDATE {table} SET project_id = '{two.stranger}'")


async def test_a_row_cannot_be_made_for_another_project(backstory: Service, two: Two) -> None:
    inserts = {
        "users": "(project_id, user_id, external_id) VALUES ($1, $2, 'mallory')",
        "contents": "(project_id, user_id, hash, body) VALUES ($1, $2, sha256('x'), '1')",
        "settings": "(project_id, user_id, key, value) VALUES ($1, $2, 'backstory', '{}')",
        "outbox": "(project_id, outbox_id, topic, user_id, payload)"
        " VALUES ($1, $2, 'remember_turn', $2, '{}')",
        "event_logs": "(project_id, log_id, user_id, events) VALUES ($1, $2, $2, 'x')",
    }
    for table, values in inserts.items():
        async with as_service(backstory, two.project) as conn:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await conn.execute(f"INSERT INTO {table} {values}", two.stranger, new_id())
        async with as_service(backstory) as conn:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await conn.execute(f"INSERT INTO {table} {values}", two.stranger, new_id())


async def test_nothing_of_another_project_is_deleted_or_changed(
    backstory: Service, two: Two
) -> None:
    async with as_service(backstory, two.stranger) as conn:
        arguments = (two.project,)
        assert await conn.execute("DELETE FROM requests WHERE project_id = $1", *arguments) == (
            "DELETE 0"
        )
        assert await conn.execute(
            "UPDATE responses SET status = 'failed' WHERE project_id = $1", *arguments
        ) == ("UPDATE 0")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("TRUNCATE responses CASCADE")


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE backstory_owner",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER TABLE responses DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON responses",
        "CREATE TABLE mine (x integer)",
        "INSERT INTO projects (project_id, name) VALUES (gen_random_uuid(), 'mine')",
    ],
)
async def test_the_service_cannot_take_the_wall_down(backstory: Service, statement: str) -> None:
    async with connected(backstory.urls.service) as conn:
        with pytest.raises(
            (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)
        ):
            await conn.execute(statement)


async def test_row_security_cannot_be_switched_off(backstory: Service, two: Two) -> None:
    async with connected(backstory.urls.service) as conn:
        await conn.execute("SET row_security = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.fetch("SELECT * FROM responses")


# Starting


async def test_a_superuser_does_not_serve(backstory: Service) -> None:
    async with open_database(backstory.urls.superuser, Config()) as database:
        with pytest.raises(StartError, match="backstory_service"):
            await check_role(database)
    config = msgspec.structs.replace(backstory.config, database_url=backstory.urls.superuser)
    app = create_app(config)
    with pytest.raises((StartError, ExceptionGroup)) as caught:
        async with app.lifespan():
            pass
    assert "passes row security" in "".join(traceback.format_exception(caught.value))


async def test_a_role_that_bypasses_row_security_does_not_serve(backstory: Service) -> None:
    name = f"bypass_{new_id().hex}"
    database = psql(backstory.urls.superuser, "SELECT current_database()")
    psql(
        backstory.urls.superuser,
        f"CREATE ROLE {name} LOGIN BYPASSRLS; GRANT CONNECT ON DATABASE {database} TO {name}",
    )
    url = backstory.urls.superuser.replace("//postgres@", f"//{name}@")
    try:
        async with open_database(url, Config()) as opened:
            with pytest.raises(StartError, match="BYPASSRLS"):
                await check_role(opened)
    finally:
        psql(backstory.urls.superuser, f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_the_owner_and_its_members_do_not_serve(backstory: Service) -> None:
    async with open_database(backstory.urls.owner, Config()) as opened:
        with pytest.raises(StartError, match="backstory_owner or a member"):
            await check_role(opened)
    name = f"member_{new_id().hex}"
    database = psql(backstory.urls.superuser, "SELECT current_database()")
    psql(
        backstory.urls.superuser,
        f"CREATE ROLE {name} LOGIN NOINHERIT IN ROLE backstory_service, backstory_owner; "
        f"GRANT CONNECT ON DATABASE {database} TO {name}",
    )
    url = backstory.urls.superuser.replace("//postgres@", f"//{name}@")
    try:
        async with open_database(url, Config()) as opened:
            with pytest.raises(StartError, match="passes row security"):
                await check_role(opened)
    finally:
        psql(backstory.urls.superuser, f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_the_services_own_role_serves(backstory: Service) -> None:
    async with open_database(backstory.urls.service, Config()) as opened:
        await check_role(opened)
