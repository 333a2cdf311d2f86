"""What is left anywhere in the database: in every column of every table, unpacked."""

from uuid import UUID

import msgspec
import zstandard

from app.db.sql import Connection
from tests.support.rows import connected
from tests.support.service import Service

COLUMNS = """
    SELECT table_name, column_name, data_type
    FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE'
    ORDER BY table_name, ordinal_position
"""
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_decompress = zstandard.ZstdDecompressor().decompress


class Owned(msgspec.Struct, frozen=True):
    """A user, and the tables that have a row of theirs."""

    user_id: UUID
    tables: set[str]


async def left_of(service: Service, word: str) -> set[str]:
    """The columns, as `table.column`, in which a word stands, however it is written there."""
    async with connected(service.urls.owner) as conn:
        columns = await conn.fetch(COLUMNS)
        assert len({column["table_name"] for column in columns}) > 25
        return {
            f"{table}.{column}"
            for table, column, kind in columns
            if await _stands_in(conn, table, column, kind, word)
        }


async def _stands_in(conn: Connection, table: str, column: str, kind: str, word: str) -> bool:
    if kind == "bytea":
        rows = await conn.fetch(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
        return any(word.encode() in _unpacked(row[0]) for row in rows)
    found: bool = await conn.fetchval(
        f"SELECT EXISTS (SELECT FROM {table} t WHERE t.{column}::text ILIKE '%' || $1 || '%')", word
    )
    return found


def _unpacked(value: bytes) -> bytes:
    return _decompress(value) if value.startswith(ZSTD_MAGIC) else value


async def rows_of_user(service: Service, user: str | UUID) -> Owned:
    """Of a user by name, or by id, since the name goes."""
    async with connected(service.urls.owner) as conn:
        if isinstance(user, str):
            user = await conn.fetchval("SELECT user_id FROM users WHERE external_id = $1", user)
        assert isinstance(user, UUID)
        tables = {
            table
            for table, column, kind in await conn.fetch(COLUMNS)
            if kind in ("uuid", "json") and await _stands_in(conn, table, column, kind, str(user))
        }
    return Owned(user, tables)
