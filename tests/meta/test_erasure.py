"""Every table that has rows of users is emptied of those of one who is erased."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.db.migrate import migrate
from tests.support.postgres_fixtures import DatabaseUrls

QUERIES = (Path(__file__).parents[2] / "app/erasure/queries.sql").read_text()
BY_MEMORY = {"memories", "memory_scopes", "memory_languages", "memory_postings"}
"""What app/memory/forget.py takes away."""

OF_USERS = """
    SELECT c.relname, EXISTS (
        SELECT FROM pg_constraint f
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confdeltype = 'c') AS goes_with_another
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition
"""


@pytest.fixture(scope="module")
async def owner(shared_database: DatabaseUrls) -> Any:
    await migrate(shared_database.owner)
    conn = await asyncpg.connect(shared_database.owner)
    yield conn
    await conn.close()


async def test_no_table_is_left_out(owner: Any) -> None:
    tables = await owner.fetch(OF_USERS)
    assert len(tables) > 20
    for table, goes_with_another in tables:
        emptied = f"DELETE FROM {table}" in QUERIES or f"UPDATE {table}" in QUERIES
        assert emptied or goes_with_another or table in BY_MEMORY, (
            f"{table} keeps rows of users who are erased: "
            "delete them in app/erasure/forget_user.py, or let them go with what they belong to"
        )
