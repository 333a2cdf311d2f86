"""The walls of every table that the catalog knows, with rows in all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import asyncpg
import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.db.sql import Connection
from tests.meta.test_schema import OF_NO_TENANT
from tests.support.filled_schema import fill
from tests.support.postgres_fixtures import DatabaseUrls, fresh_database
from tests.support.rows import connected

ROWS = 30
NO_SESSIONS = ("api_keys", "rotated_secrets", "engine_keys", "audit_events")
OF_THE_PROJECT = {
    "projects": "a name",
    "memory_sources": "ids, which are told with the memories that have them",
    "forgotten_texts": "keyed hashes",
    "guesses": "keyed hashes",
    "setting_counts": "numbers",
}
"""Tables in which no user stands, whose rows a session's transaction could see: what is in them."""
OURS, THEIRS = UUID(int=0), UUID(int=1)
"""Two of the projects that `fill` makes: ids are text of the same length."""

TABLES = """
    SELECT c.relname AS name,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'user_id'
                   AND NOT a.attisdropped) AS of_users,
           array(SELECT quote_ident(a.attname) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   AND a.attgenerated = '')::text[] AS columns
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND c.relname <> ALL ($1)
    ORDER BY c.relname
"""
POLICIES = """
    SELECT tablename, policyname, permissive, roles::text[] AS roles, cmd,
           regexp_replace(qual, '\\s+', ' ', 'g') AS qual,
           regexp_replace(with_check, '\\s+', ' ', 'g') AS with_check
    FROM pg_policies WHERE schemaname = 'public'
"""
OF_PROJECT = "project_id = ( SELECT app_project() AS app_project)"
OF_USER = (
    "((( SELECT app_user() AS app_user) IS NULL) OR (user_id = ( SELECT app_user() AS app_user)))"
)


class Table(msgspec.Struct, frozen=True):
    name: str
    of_users: bool
    columns: list[str]

    def copied(self, **instead: UUID) -> str:
        """An insert of a row like the one that is given as JSON, but for some columns."""
        columns = ", ".join(self.columns)
        values = ", ".join(
            f"'{instead[column]}'" if column in instead else f"r.{column}"
            for column in self.columns
        )
        source = f"json_populate_record(NULL::{self.name}, $1)"
        return f"INSERT INTO {self.name} ({columns}) SELECT {values} FROM {source} AS r"


@pytest.fixture(scope="module")
async def filled(postgres: EmbeddedPostgres) -> AsyncIterator[DatabaseUrls]:
    with fresh_database(postgres) as urls:
        await migrate(urls.owner)
        async with connected(urls.superuser) as superuser:
            await fill(superuser, ROWS)
        yield urls


@pytest.fixture(scope="module")
async def tables(filled: DatabaseUrls) -> list[Table]:
    async with connected(filled.owner) as owner:
        found = [Table(*row) for row in await owner.fetch(TABLES, OF_NO_TENANT)]
        for table in found:
            assert await owner.fetchval(f"SELECT count(*) FROM {table.name}") > 0, table.name
    assert len(found) > 40
    return found


@asynccontextmanager
async def as_service(
    urls: DatabaseUrls, project: UUID | None = None, user: UUID | None = None
) -> AsyncIterator[Connection]:
    async with connected(urls.service) as conn:
        if project is not None:
            await conn.execute(f"SET app.project = '{project}'")
        if user is not None:
            await conn.execute(f"SET app.\"user\" = '{user}'")
        yield conn


async def row_of(owner: Connection, table: Table, project: UUID) -> str:
    found: str = await owner.fetchval(
        f"SELECT row_to_json(t)::text FROM {table.name} t WHERE project_id = $1 LIMIT 1", project
    )
    assert found, table.name
    return found


async def test_without_a_project_every_table_is_empty(
    filled: DatabaseUrls, tables: list[Table]
) -> None:
    async with as_service(filled) as conn:
        for table in tables:
            assert await conn.fetchval(f"SELECT count(*) FROM {table.name}") == 0, table.name


async def test_with_a_project_no_table_shows_another(
    filled: DatabaseUrls, tables: list[Table]
) -> None:
    async with as_service(filled, OURS) as conn:
        for table in tables:
            seen = await conn.fetch(f"SELECT DISTINCT project_id FROM {table.name}")
            assert [row[0] for row in seen] == [OURS], table.name


async def test_with_a_user_no_table_shows_another_users_rows(
    filled: DatabaseUrls, tables: list[Table]
) -> None:
    of_users = [table for table in tables if table.of_users]
    assert len(of_users) > 30
    async with connected(filled.owner) as owner:
        for table in of_users:
            user = await owner.fetchval(
                f"SELECT user_id FROM {table.name} WHERE project_id = $1 LIMIT 1", OURS
            )
            async with as_service(filled, OURS, user) as conn:
                seen = await conn.fetch(f"SELECT DISTINCT user_id FROM {table.name}")
            assert [row[0] for row in seen] == [user], table.name


async def test_a_session_sees_nothing_of_what_is_no_users(
    filled: DatabaseUrls, tables: list[Table]
) -> None:
    async with as_service(filled, OURS, UUID(int=7)) as conn:
        for table in NO_SESSIONS:
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    known = {*NO_SESSIONS, *OF_THE_PROJECT}
    assert {table.name for table in tables if not table.of_users} == known


@pytest.mark.parametrize("project", [None, OURS])
async def test_no_table_takes_a_row_for_another_project(
    filled: DatabaseUrls, tables: list[Table], project: UUID | None
) -> None:
    async with connected(filled.owner) as owner, as_service(filled, project) as conn:
        for table in tables:
            row = await row_of(owner, table, THEIRS)
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=table.name):
                await conn.execute(table.copied(), row)


async def test_no_table_takes_a_row_for_another_user(
    filled: DatabaseUrls, tables: list[Table]
) -> None:
    me = UUID(int=7)
    async with connected(filled.owner) as owner, as_service(filled, OURS, me) as conn:
        for table in tables:
            if table.of_users:
                row = await row_of(owner, table, OURS)
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match=table.name):
                    await conn.execute(table.copied(), row)


@pytest.mark.parametrize("project", [None, OURS])
async def test_nothing_of_another_project_is_changed_or_deleted(
    filled: DatabaseUrls, tables: list[Table], project: UUID | None
) -> None:
    async with as_service(filled, project) as conn:
        for table in tables:
            for statement in (
                f"DELETE FROM {table.name} WHERE project_id <> $1",
                f"UPDATE {table.name} SET project_id = project_id WHERE project_id <> $1",
            ):
                with suppress(asyncpg.InsufficientPrivilegeError):  # of tables it may not change
                    done = await conn.execute(statement, OURS)
                    assert done.endswith(" 0"), (table.name, done)


async def test_every_table_has_the_two_policies_and_no_other(
    filled: DatabaseUrls, tables: list[Table]
) -> None:
    """Another permissive policy would open what these close."""
    async with connected(filled.owner) as owner:
        policies = await owner.fetch(POLICIES)
    closing = {row["tablename"] for row in policies if row["permissive"] == "RESTRICTIVE"}
    assert closing == set(NO_SESSIONS)
    opening = [row for row in policies if row["permissive"] == "PERMISSIVE"]
    found = {(row["tablename"], row["policyname"]): row for row in opening}
    assert set(found) == {(table.name, name) for table in tables for name in ("tenant", "owner")}
    for table in tables:
        tenant, owner_policy = found[table.name, "tenant"], found[table.name, "owner"]
        rule = f"(({OF_PROJECT}) AND {OF_USER})" if table.of_users else f"({OF_PROJECT})"
        assert (tenant["cmd"], tenant["roles"]) == ("ALL", ["backstory_service"])
        assert tenant["qual"] == tenant["with_check"] == rule, table.name
        assert owner_policy["roles"] == ["backstory_owner"]


async def test_the_services_role_has_no_way_round(filled: DatabaseUrls) -> None:
    async with connected(filled.superuser) as conn:
        role = await conn.fetchrow(
            """SELECT oid, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication
               FROM pg_roles WHERE rolname = 'backstory_service'"""
        )
        assert role is not None
        oid, *powers = role
        assert not any(powers)
        assert not await conn.fetch("SELECT FROM pg_auth_members WHERE member = $1", oid)
        assert not await conn.fetch(
            "SELECT FROM pg_shdepend WHERE refobjid = $1 AND deptype = 'o'", oid
        )
        assert not await conn.fetchval(
            "SELECT has_schema_privilege('backstory_service', 'public', 'CREATE')"
        )


async def test_no_partition_can_be_read_past_its_table(filled: DatabaseUrls) -> None:
    """The walls of a partitioned table bind those who ask that table."""
    async with connected(filled.superuser) as conn:
        partitions = await conn.fetch(
            """SELECT relname, has_table_privilege('backstory_service', oid,
                   'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') AS open
               FROM pg_class WHERE relispartition AND relkind = 'r'"""
        )
    assert len(partitions) > 1
    assert not [row["relname"] for row in partitions if row["open"]]


async def test_nothing_else_shows_rows(filled: DatabaseUrls) -> None:
    """A view asks as its owner, whom the walls let see all."""
    async with connected(filled.superuser) as conn:
        views = await conn.fetch(
            """SELECT relname FROM pg_class c
               WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm', 'f')
                 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND deptype = 'e')"""
        )
    assert not views
