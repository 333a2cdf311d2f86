"""Checks of the database, embedded or named; what runs is asked and otherwise left alone."""

from collections.abc import AsyncIterator

import asyncpg

from app.cli.findings import Finding, fail, failed, ok
from app.config import Config
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import POSTGRES_MIN, pending
from app.db.sql import Connection
from app.errors import StartError

CONNECT_SECONDS_MAX = 5.0


async def check_database(config: Config) -> AsyncIterator[Finding]:
    if config.database_url is not None:
        owner_url = config.database_owner_url or config.database_url
        async for finding in _check(config.database_url, owner_url):
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
    return ok("The embedded database is stopped, and starts with the service")


async def _check(service_url: str, owner_url: str) -> AsyncIterator[Finding]:
    try:
        conn = await asyncpg.connect(service_url, timeout=CONNECT_SECONDS_MAX)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield fail(
            f"The database cannot be reached: {_said(error)}",
            "Check that it runs, and BACKSTORY_DATABASE_URL.",
        )
        return
    try:
        yield await _check_version(conn)
        yield await _check_pgvector(conn)
        yield await _check_role(conn)
    finally:
        await conn.close()
    yield await _check_schema(owner_url)


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
    passes = await conn.fetchval(
        "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    if passes:
        return fail(
            f"The role {name} passes row security (a superuser, or BYPASSRLS)",
            "Name the role backstory_service in BACKSTORY_DATABASE_URL.",
        )
    return ok(f"The role {name} is bound by row security")


async def _check_schema(owner_url: str) -> Finding:
    try:
        conn = await asyncpg.connect(owner_url, timeout=CONNECT_SECONDS_MAX)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return fail(
            f"The database cannot be reached as its owner: {_said(error)}",
            "Check BACKSTORY_DATABASE_OWNER_URL.",
        )
    try:
        missing = await pending(conn)
    except StartError as error:
        return failed(error)
    except asyncpg.PostgresError as error:
        return fail(
            f"The owner may not read the schema: {_said(error)}",
            "Name the role backstory_owner in BACKSTORY_DATABASE_OWNER_URL.",
        )
    finally:
        await conn.close()
    if missing:
        return fail(
            f"{len(missing)} migrations are not applied", "Run backstory migrate, or start it."
        )
    return ok("The schema is up to date")


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
