"""The pool, and the tenant-scoped connection: the one place where a project is set."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy
from pgvector.asyncpg import register_vector

from app.config import Config
from app.db.connect import REFUSED, reason
from app.db.sql import Connection
from app.errors import StartError, StatementTimeout, Unavailable
from app.ids import ProjectId, UserId

acting_user: ContextVar[UserId | None] = ContextVar("acting_user", default=None)
"""The user whose session speaks: of this task, and of those that it starts. Set by `web/front.py`
for each request, so that no verb between has to hand it on, nor could forget to."""

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.QueryCanceledError,
    ssl.SSLError,
)
"""What a database that is away, or goes away, looks like to asyncpg."""

CUT_OFF = (TimeoutError, asyncpg.QueryCanceledError)
"""What a statement that took too long looks like: to us, or to the server."""


class _BareConnection(asyncpg.Connection):
    """No state outlives a transaction here, so there is nothing to reset (it costs 100 µs)."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", acquire_timeout_seconds: float
    ) -> None:
        self._pool = pool
        self._acquire_timeout_seconds = acquire_timeout_seconds

    @asynccontextmanager
    async def tenant(
        self, project: ProjectId, *, everyone: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction that sees one project. Commits at its end.

        In a session's request it sees its user's rows alone, unless it is said to be for
        `everyone`: what the service itself must know, and tells nobody.

        Raises Unavailable where the database is away, also in the middle: then nothing that
        was done in it can be relied on, nor can it be relied on to be undone.
        """
        user = None if everyone else acting_user.get()
        async with self._transaction(project, user) as conn:
            yield conn

    @asynccontextmanager
    async def across(self) -> AsyncIterator[Connection]:
        """A transaction without a project: it sees no rows but through reviewed functions."""
        async with self._transaction(None, None) as conn:
            yield conn

    @asynccontextmanager
    async def _transaction(
        self, project: ProjectId | None, user: UserId | None
    ) -> AsyncIterator[Connection]:
        begin = _begin(project, user)
        try:
            async with self._pool.acquire(timeout=self._acquire_timeout_seconds) as proxy:
                conn = _connection(proxy)
                try:
                    await conn.execute(begin)
                    yield conn
                except CUT_OFF as error:
                    await _roll_back(conn)
                    raise StatementTimeout from error
                except BaseException:
                    await _roll_back(conn)
                    raise
                await conn.execute("COMMIT")
        except AWAY as error:
            raise Unavailable from error


def _begin(project: ProjectId | None, user: UserId | None) -> str:
    """Both are set each time: behind a pooler the connection may come from anybody, with whatever
    they set for themselves."""
    return (
        f"BEGIN; SET LOCAL app.project = '{project or ''}'; SET LOCAL app.\"user\" = '{user or ''}'"
    )


async def turn_to(conn: Connection, project: ProjectId) -> None:
    """The transaction sees this project from here on, and the one before no more: for what is done
    to two at once, one of which administers the other."""
    await conn.execute(f"SET LOCAL app.project = '{project}'")


@asynccontextmanager
async def beyond_user(conn: Connection) -> AsyncIterator[None]:
    """Within it a session's transaction sees all of its project, so that what others share of what
    it takes away goes too. For statements that name ids it was found to own, and tell nothing."""
    user = acting_user.get()
    if user is None:
        yield
        return
    await conn.execute("SET LOCAL app.\"user\" = ''")
    yield
    await conn.execute(f"SET LOCAL app.\"user\" = '{user}'")


def _connection(proxy: "PoolConnectionProxy[asyncpg.Record]") -> Connection:
    """The proxy forwards every call to its connection; its type does not say so."""
    return proxy  # type: ignore[return-value]


async def _roll_back(conn: Connection) -> None:
    try:
        await conn.execute("ROLLBACK")
    except AWAY:
        conn.terminate()
    except asyncio.CancelledError:
        conn.terminate()
        raise


@asynccontextmanager
async def open_database(url: str, config: Config) -> AsyncIterator[Database]:
    """Raises Unavailable where the database is away, StartError where its URL is wrong."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=config.database_pool_max,
            connection_class=_BareConnection,
            init=_set_codecs,
            command_timeout=config.database_statement_timeout_seconds,
            statement_cache_size=500 if config.database_statement_cache else 0,
            server_settings={"application_name": "backstory"},
        )
    except AWAY as error:
        raise Unavailable(f"The database cannot be reached: {reason(error)}") from error
    except REFUSED as error:
        raise StartError(f"The database cannot be used: {reason(error)}") from error
    try:
        yield Database(pool, config.database_acquire_timeout_seconds)
    finally:
        await _close(pool)


async def _close(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    try:
        await asyncio.wait_for(pool.close(), timeout=5)
    except (TimeoutError, *AWAY):
        pool.terminate()


async def _set_codecs(conn: Any) -> None:
    await set_json_codecs(conn)
    await register_vector(conn)


async def set_json_codecs(conn: Any) -> None:
    """json and jsonb by msgspec: pass msgspec.Raw for what is encoded already."""
    await conn.set_type_codec(
        "json",
        schema="pg_catalog",
        format="binary",
        encoder=msgspec.json.encode,
        decoder=msgspec.json.decode,
    )
    await conn.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
    )


PASSES_WALLS = """
    SELECT rolsuper OR rolbypassrls OR EXISTS (
        SELECT FROM pg_roles AS owner
        WHERE owner.rolname = 'backstory_owner'
          AND pg_has_role(current_user, owner.oid, 'MEMBER'))
    FROM pg_roles
    WHERE rolname = current_user
"""


async def passes_walls(conn: Connection) -> bool:
    """Whether this role sees the rows of every project, or may become one that does."""
    return bool(await conn.fetchval(PASSES_WALLS))


async def check_role(database: Database) -> None:
    """Raises StartError where the walls between projects would not stand."""
    async with database.across() as conn:
        passes = await passes_walls(conn)
    if passes:
        raise StartError(
            "The database role of BACKSTORY_DATABASE_URL passes row security (it is a superuser, "
            "has BYPASSRLS, or is backstory_owner or a member of it): "
            "use the role backstory_service."
        )
