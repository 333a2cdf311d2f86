"""Every named query, against the migrated schema and as the service's role."""

import importlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.db.sql import REGISTRY, Connection, QueryFile, Rows, Statement
from app.ids import new_id
from tests.support.filled_schema import fill
from tests.support.postgres_fixtures import fresh_database

ROOT = Path(__file__).parents[2]
QUERY_FILES = sorted((ROOT / "app").rglob("queries.sql"))
MODULES = {
    ROOT / "app/web/queries.sql": "app.web.idempotency",
}
"""Where a folder's queries are bound, if not in its `queries.py`."""

WITHOUT_PROJECT = {
    "claim_jobs": "a reviewed function takes what is due, of all projects",
    "count_backlog": "a reviewed function gives numbers only",
    "drop_expired": "a reviewed function drops what has run out",
    "drop_ended_keys": "a reviewed function drops what ended long ago",
    "list_projects": "a reviewed function tells the root project of the others",
    "count_projects": "a reviewed function tells the root project of the others",
    "drop_old_events": "a reviewed function drops what is kept no longer",
    "insert_requests": "each row names its project",
    "read_terms": "texts are stemmed, and no row is read",
    "find_model": "models are the same for all projects",
    "insert_model": "models are the same for all projects",
    "refresh_statistics": "a reviewed function takes the statistics of whole tables",
    "list_wanted_models": "models are the same for all projects",
    "want_model": "a reviewed function looks through all projects",
    "switch_model": "a reviewed function looks through all projects",
    "renew_worker": "workers serve all projects",
    "delete_worker": "workers serve all projects",
    "delete_dead_workers": "workers serve all projects",
    "list_expired": "a reviewed function names memories that have run out, of all projects",
    "list_retentions": "a reviewed function gives how long memories are kept, of all projects",
    "list_users_to_sweep": "a reviewed function names erased users, of all projects",
    "list_origins": "a reviewed function names the origins of all projects",
    "claim_abandoned": "a reviewed function takes over what dead workers left, of all projects",
}
"""Queries that are about no project, each with its reason."""

ONE_ROW_EACH = {"projects", "engine_keys"}
WHOLE_PROJECT_READ = {
    **dict.fromkeys(
        ("list_running", "list_running_in", "list_running_of", "delete_running_of"),
        "only what runs at this moment is there",
    ),
    **dict.fromkeys(
        ("list_scopes", "list_owners"), "one row a user that has memories, for all users' recall"
    ),
    **dict.fromkeys(
        ("list_kept_at_engine", "delete_some_jobs", "has_work_at_engine"),
        "all that a deleted project has goes, some by some",
    ),
    "count_users_backlog": "only what waits is there",
    **dict.fromkeys(
        ("delete_jobs_of", "unname_jobs"), "only what waits is there, and users go seldom"
    ),
    **dict.fromkeys(("count_live_keys", "is_last_root_admin"), "keys are few, and changed seldom"),
    "list_failed_jobs": "a partial index holds failed jobs only",
    "sum_everyones_counts": "a row a user, outcome and day, asked by an admin now and then",
    "count_project_backlog": "how much waits is asked by an admin, now and then",
    "retry_failed_jobs": "a partial index holds failed jobs only",
    "delete_dead_workers": "one row a worker",
}
"""Queries that may read all that a project has, each with its reason."""


def _load_all() -> dict[tuple[str, str], Statement]:
    for path in QUERY_FILES:
        relative = path.relative_to(ROOT).with_suffix("")
        importlib.import_module(MODULES.get(path, ".".join(relative.parts)))
    return dict(REGISTRY)


ALL = _load_all()
IDS = [f"{Path(file).parent.name}.{name}" for file, name in ALL]


@pytest.fixture(scope="module")
async def service_role(postgres: EmbeddedPostgres) -> AsyncIterator[Connection]:
    with fresh_database(postgres) as urls:
        await migrate(urls.owner)
        superuser = await asyncpg.connect(urls.superuser)
        await fill(superuser)
        await superuser.close()
        conn = await asyncpg.connect(urls.service)
        yield conn
        await conn.close()


def test_every_query_is_bound_to_a_function() -> None:
    for path in QUERY_FILES:
        bound = {name for file, name in ALL if file == str(path)}
        assert set(QueryFile(path).names) == bound, path


@pytest.mark.parametrize("statement", ALL.values(), ids=IDS)
def test_every_query_names_the_project_itself(statement: Statement) -> None:
    """Isolation stands twice: the policy of row security would hide a query that forgets it."""
    if statement.name not in WITHOUT_PROJECT:
        assert "project" in statement.parameters or "projects" in statement.parameters


@pytest.mark.parametrize("statement", ALL.values(), ids=IDS)
async def test_columns_are_the_fields_of_the_struct(
    statement: Statement, service_role: Connection
) -> None:
    prepared = await service_role.prepare(statement.text)
    columns = [attribute.name for attribute in prepared.get_attributes()]
    if isinstance(statement, Rows):
        assert columns == list(statement.row.__struct_fields__)
    assert len(prepared.get_parameters()) == len(statement.parameters)


@pytest.mark.parametrize("statement", ALL.values(), ids=IDS)
async def test_no_query_scans_a_whole_tenant(
    statement: Statement, service_role: Connection
) -> None:
    """With sequential scans priced out, a plan that still has one found no index to use; and an
    index used by the project alone reads all that the project has."""
    name = f"checked_{new_id().hex}"
    async with service_role.transaction():
        await service_role.execute(
            f"SET LOCAL app.project = '{new_id()}'; SET LOCAL enable_seqscan = off;"
            # Whether autovacuum has been there already may decide nothing.
            "SET LOCAL enable_indexonlyscan = off;"
            f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE {name} AS {statement.text}"
        )
        arguments = ", ".join("NULL" for _ in statement.parameters)
        plan = await service_role.fetchval(
            f"EXPLAIN (FORMAT JSON) EXECUTE {name}" + (f"({arguments})" if arguments else "")
        )
    if statement.name not in WHOLE_PROJECT_READ:
        for scan in _scans(json.loads(plan)[0]["Plan"]):
            assert not _reads_whole_tenant(scan), (statement.name, scan)


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"):
        yield node
    for child in node.get("Plans", []):
        yield from _scans(child)


def _reads_whole_tenant(scan: dict[str, Any]) -> bool:
    if scan["Node Type"] == "Seq Scan":
        return True
    if scan.get("Relation Name") in ONE_ROW_EACH:
        return False
    conditions = scan.get("Index Cond", "").split(" AND ")
    return all("project_id" in condition for condition in conditions)
