"""Rules about the schema: keys begin with the project, and the walls stand."""

from typing import Any

import asyncpg
import pytest

from app.db.migrate import migrate
from tests.support.postgres_fixtures import DatabaseUrls

OF_NO_TENANT = ["schema_migrations", "embedding_models", "workers"]
"""Tables that hold no tenant's data, each reviewed."""

SECURITY_DEFINERS = {
    *("claim_outbox", "outbox_backlog", "drop_expired", "drop_expired_files"),
    *("claim_abandoned_responses", "expired_memories", "memory_retentions", "users_to_sweep"),
    *("refresh_memory_statistics", "drop_expired_sessions", "browser_origins"),
    *("projects_seen_by_root", "drop_old_audit_events", "drop_ended_keys"),
    *("want_embedding_model", "switch_embedding_model"),
}
"""Functions that see every tenant's rows, each reviewed."""

TENANT_TABLES = """
    SELECT c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND c.relname <> ALL ($1)
"""


@pytest.fixture(scope="module")
async def owner(shared_database: DatabaseUrls) -> Any:
    await migrate(shared_database.owner)
    conn = await asyncpg.connect(shared_database.owner)
    yield conn
    await conn.close()


async def test_every_tenant_table_has_forced_row_security(owner: Any) -> None:
    tables = await owner.fetch(TENANT_TABLES, OF_NO_TENANT)
    assert len(tables) > 15
    for table in tables:
        assert table["relrowsecurity"], table["relname"]
        assert table["relforcerowsecurity"], table["relname"]


async def test_every_key_begins_with_the_project(owner: Any) -> None:
    rows = await owner.fetch(
        """
        SELECT c.relname, x.conname AS name, a.attname AS first
        FROM pg_constraint x
        JOIN pg_class c ON c.oid = x.conrelid
        JOIN pg_attribute a ON a.attrelid = x.conrelid AND a.attnum = x.conkey[1]
        WHERE x.contype IN ('p', 'u', 'f') AND c.relnamespace = 'public'::regnamespace
          AND NOT c.relispartition AND c.relname <> ALL ($1)
          AND x.confrelid <> 'embedding_models'::regclass
        """,
        OF_NO_TENANT,
    )
    assert rows
    assert {row["first"] for row in rows} == {"project_id"}, rows


async def test_every_unique_index_begins_with_the_project(owner: Any) -> None:
    rows = await owner.fetch(
        """
        SELECT c.relname, a.attname AS first
        FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
          AND NOT c.relispartition AND c.relname <> ALL ($1)
        """,
        OF_NO_TENANT,
    )
    assert {row["first"] for row in rows} == {"project_id"}, rows


async def test_the_service_owns_nothing(owner: Any) -> None:
    assert not await owner.fetchval(
        "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = 'backstory_service'"
    )


async def test_security_definer_functions_are_the_reviewed_ones(owner: Any) -> None:
    rows = await owner.fetch(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert {row["proname"] for row in rows} == SECURITY_DEFINERS
