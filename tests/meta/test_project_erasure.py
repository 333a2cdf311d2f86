"""Every tenant table is emptied of the rows of a project that was deleted, and of no other's."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.forget_project import TABLES
from app.ids import ProjectId
from tests.support.filled_schema import PROJECTS, ROWS, fill
from tests.support.postgres_fixtures import fresh_database
from tests.support.rows import tenant_tables

REFERENCES = """
    SELECT conrelid::regclass::text AS referring, confrelid::regclass::text AS referred
    FROM pg_constraint
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND coninhcount = 0
      AND conrelid <> confrelid AND confrelid <> 'embedding_models'::regclass
"""


@pytest.fixture(scope="module")
async def connections(postgres: EmbeddedPostgres) -> AsyncIterator[Any]:
    """The owner's and the service's, in a database where each table has rows of three projects."""
    with fresh_database(postgres) as urls:
        await migrate(urls.owner)
        superuser, service = (
            await asyncpg.connect(urls.superuser),
            await asyncpg.connect(urls.service),
        )
        yield superuser, service
        await superuser.close()
        await service.close()


async def test_no_table_is_left_out(connections: Any) -> None:
    superuser, _ = connections
    assert sorted(TABLES) == sorted(set(await tenant_tables(superuser)) - {"projects"}), (
        "name the table in app/erasure/forget_project.py: TABLES"
    )


async def test_what_refers_goes_before_what_is_referred_to(connections: Any) -> None:
    superuser, _ = connections
    for row in await superuser.fetch(REFERENCES):
        assert TABLES.index(row["referring"]) < TABLES.index(row["referred"]), row


async def test_one_project_goes_and_the_others_stay(connections: Any) -> None:
    superuser, service = connections
    await fill(superuser)
    projects = [
        ProjectId(row[0]) for row in await superuser.fetch("SELECT project_id FROM projects")
    ]
    assert len(projects) == PROJECTS
    gone = projects[0]
    before = {table: await _counts(superuser, table) for table in TABLES}
    for table in TABLES:
        assert before[table].keys() == set(projects), table
        async with service.transaction():
            await service.execute(f"SET LOCAL app.project = '{gone}'")
            some = await queries.delete_some(service, gone, table, 100)
            assert min(100, before[table][gone]) <= some
            assert some < ROWS // PROJECTS, "a part, where there are many"
            while await queries.delete_some(service, gone, table, 10_000):
                pass
            assert await queries.delete_some(service, projects[1], table, 100) == 0
        left = {project: rows for project, rows in before[table].items() if project != gone}
        assert await _counts(superuser, table) == left


async def _counts(superuser: Connection, table: str) -> dict[ProjectId, int]:
    rows = await superuser.fetch(f"SELECT project_id, count(*) FROM {table} GROUP BY project_id")
    return {ProjectId(row[0]): row[1] for row in rows}
