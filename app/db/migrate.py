"""Migrations: forward only, in order, under one lock, each in a transaction with its checksum."""

from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import asyncpg
import msgspec

from app.db.connect import connect_as, looking_as
from app.db.sql import Connection
from app.errors import StartError

LOCK = 0x6261636B  # "back"
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "10min"
POSTGRES_MIN = 160000


class Migration(msgspec.Struct, frozen=True):
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """What this program knows, in order."""
    folder = _folder()
    return [Migration(path.stem, path.read_text()) for path in sorted(folder.glob("[0-9]*.sql"))]


def _folder() -> Path:
    """The wheel carries the top-level folder as app/_migrations."""
    packaged = Path(str(files("app"))) / "_migrations"
    return packaged if packaged.is_dir() else packaged.parents[1] / "migrations"


async def migrate(owner_url: str) -> list[str]:
    """Applies what is missing and gives its names. Raises StartError where it may not or cannot."""
    settings = {"lock_timeout": LOCK_TIMEOUT}
    conn = await connect_as(owner_url, "its owner", server_settings=settings)
    try:
        await _check_server(conn)
        await conn.execute("SELECT pg_advisory_lock($1)", LOCK)
        applied = await _applied(conn)
        missing = _missing(applied)
        for migration in missing:
            await _apply(conn, migration)
        await conn.execute("SELECT ensure_request_partitions(3)")
    except asyncpg.PostgresError as error:
        raise StartError(f"The database could not be migrated: {error}") from error
    else:
        return [migration.name for migration in missing]
    finally:
        await conn.close()


async def check_migrated(service_url: str) -> None:
    """What can be known without the owner. Raises StartError where the schema is not ours."""
    try:
        async with looking_as(service_url, "the service's role") as conn:
            await _check_server(conn)
            missing = await pending(conn)
    except asyncpg.PostgresError as error:
        raise StartError(f"The schema of the database could not be read: {error}") from error
    if missing:
        raise StartError(
            f"The database lacks {len(missing)} migrations, the first of them {missing[0]}: "
            "run 'backstory migrate' with BACKSTORY_DATABASE_OWNER_URL set to its owner's URL."
        )


async def pending(conn: Connection) -> list[str]:
    """Names of migrations not applied yet. Raises StartError where the schema is newer."""
    if await conn.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return [migration.name for migration in migrations()]
    rows = await conn.fetch("SELECT name, checksum FROM schema_migrations")
    return [migration.name for migration in _missing({row[0]: row[1] for row in rows})]


async def _check_server(conn: Connection) -> None:
    if await conn.fetchval("SELECT current_setting('server_version_num')::int") < POSTGRES_MIN:
        raise StartError("Postgres 16 or newer is needed: upgrade the server.")
    roles = {"backstory_owner", "backstory_service"}
    found = await conn.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1)", list(roles))
    if missing := roles - {row[0] for row in found}:
        raise StartError(
            f"The database has no role {' and no role '.join(sorted(missing))}: "
            "create them as docs/operations.md shows."
        )
    if not await conn.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'vector'"):
        raise StartError(
            "The database has no extension vector: run CREATE EXTENSION vector in it "
            "as a superuser."
        )


async def _applied(conn: Connection) -> dict[str, str]:
    await conn.execute(
        """CREATE TABLE IF NOT EXISTS schema_migrations (
            name text PRIMARY KEY,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now())"""
    )
    rows = await conn.fetch("SELECT name, checksum FROM schema_migrations")
    return {row[0]: row[1] for row in rows}


def _missing(applied: dict[str, str]) -> list[Migration]:
    known = {migration.name: migration for migration in migrations()}
    if newer := sorted(set(applied) - set(known)):
        raise StartError(
            f"The database has migration {newer[-1]}, which this program does not know: "
            "start a newer Backstory."
        )
    for name, checksum in applied.items():
        if known[name].checksum != checksum:
            raise StartError(f"Migration {name} is not the one that was applied to the database.")
    return [migration for name, migration in known.items() if name not in applied]


async def _apply(conn: Connection, migration: Migration) -> None:
    async with conn.transaction():
        await conn.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        await conn.execute(migration.text)
        await conn.execute(
            "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
            migration.name,
            migration.checksum,
        )
