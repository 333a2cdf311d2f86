"""One connection outside of any pool: to migrate, to make the first keys, to examine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from app.db.sql import Connection
from app.errors import StartError

CONNECT_SECONDS_MAX = 10.0
REFUSED = (
    OSError,
    TimeoutError,
    ValueError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a URL that is wrong, or a database that is not there, looks like to asyncpg."""


async def connect_as(url: str, who: str, **options: Any) -> Connection:
    """`who` is said where it fails, as in "cannot be reached as its owner". Raises StartError."""
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS_MAX, **options)
    except REFUSED as error:
        raise StartError(f"The database cannot be reached as {who}: {reason(error)}") from error


@asynccontextmanager
async def looking_as(url: str, who: str) -> AsyncIterator[Connection]:
    """A connection to examine with, also behind a pooler that shares servers: nothing is prepared
    under a name, which another client could have given too. Raises StartError."""
    conn = await connect_as(url, who, statement_cache_size=0)
    try:
        yield conn
    finally:
        await conn.close()


def reason(error: Exception) -> str:
    """Python's own ValueErrors quote parts of the URL, and the password may be in them."""
    if isinstance(error, ValueError) and not isinstance(error, asyncpg.InterfaceError):
        return "its URL cannot be read (letters such as @, / and # are written %40, %2F and %23)."
    return str(error) or type(error).__name__
