"""Checks of the database, embedded or named; what runs is asked and otherwise left alone."""

from collections.abc import AsyncIterator

import asyncpg

from app.cli.findings import Finding, fail, failed, ok
from app.config import Config
from app.db.connect import connect_as, looking_as
from app.db.database import passes_walls
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import POSTGRES_MIN, pending
from app.db.sql import Connection
from app.errors import StartError

OWNS = "SELECT has_schema_privilege(current_user, current_schema(), 'CREATE')"


async def check_database(config: Config) -> AsyncIterator[Finding]:
    if config.database_url is not None:
        async for finding in _check(config.database_url, config.database_owner_url):
            yield finding
        return
    postgres = EmbeddedPostgres(config.data_dir)
    if postgres.find_running():
        async for finding in _check(postgres.service_url, postgres.owner_url):
            yield finding
    else:
        yield _check_stopped(postgres)


def _check_stopped(postgres: EmbeddedPostgres) -> Finding:
    if not (postgres.pgdata / "PG_VERSION").exists():
        return ok("The embedded database will be made at the first start")
    try:
        postgres.refuse_other_version()
    except StartError as error:
        return failed(error)
    if not (postgres.pgdata / "global" / "pg_control").exists():
        return fail(
            "The embedded database is damaged: files of it are missing",
            "Restore the data directory from a backup, or choose another.",
        )
    return ok("The embedded database is stopped, and starts with the service")


async def _check(service_url: str, owner_url: str | None) -> AsyncIterator[Finding]:
    try:
        async with looking_as(service_url, "the service's role") as conn:
            found = [await check(conn) for check in (_check_version, _check_pgvector, _check_role)]
    except StartError as error:
        yield fail(str(error), "Check that it runs, and BACKSTORY_DATABASE_URL.")
        return
    for finding in found:
        yield finding
    yield await _check_schema(service_url)
    if owner_url is not None:
        yield await _check_owner(owner_url)


async def _check_version(conn: Connection) -> Finding:
    number = await conn.fetchval("SELECT current_setting('server_version_num')::int")
    text = f"Postgres {number // 10000}.{number % 10000}"
    if number < POSTGRES_MIN:
        return fail(f"{text} is too old", "Upgrade it to Postgres 16 or newer.")
    return ok(text)


async def _check_pgvector(conn: Connection) -> Finding:
    version = await conn.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if version is None:
        return fail("pgvector is missing", "Run CREATE EXTENSION vector there as a superuser.")
    return ok(f"pgvector {version}")


async def _check_role(conn: Connection) -> Finding:
    name = await conn.fetchval("SELECT current_user")
    if await passes_walls(conn):
        return fail(
            f"The role {name} passes row security (a superuser, BYPASSRLS, or backstory_owner)",
            "Name the role backstory_service in BACKSTORY_DATABASE_URL.",
        )
    return ok(f"The role {name} is bound by row security")


async def _check_schema(service_url: str) -> Finding:
    try:
        async with looking_as(service_url, "the service's role") as conn:
            missing = await pending(conn)
    except StartError as error:
        return failed(error)
    except asyncpg.PostgresError as error:
        return fail(
            f"The schema may not be read: {error}",
            "Name the role backstory_service in BACKSTORY_DATABASE_URL.",
        )
    if missing:
        return fail(
            f"{len(missing)} migrations are not applied",
            "Run backstory migrate, or serve, with BACKSTORY_DATABASE_OWNER_URL.",
        )
    return ok("The schema is up to date")


async def _check_owner(owner_url: str) -> Finding:
    try:
        conn = await connect_as(owner_url, "its owner")
    except StartError as error:
        return fail(str(error), "Check BACKSTORY_DATABASE_OWNER_URL.")
    try:
        owns = await conn.fetchval(OWNS)
    finally:
        await conn.close()
    if not owns:
        return fail(
            "The role of BACKSTORY_DATABASE_OWNER_URL may not change the schema",
            "Name the role backstory_owner in BACKSTORY_DATABASE_OWNER_URL.",
        )
    return ok("The owner of the schema can be reached")
