"""Every named query, against the migrated schema and as the service's role."""

import importlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.db.migrate import migrate
from app.db.sql import REGISTRY, QueryFile, Rows, Statement
from app.ids import new_id
from tests.support.postgres_fixtures import DatabaseUrls

ROOT = Path(__file__).parents[2]
QUERY_FILES = sorted((ROOT / "app").rglob("queries.sql"))
MODULES = {
    ROOT / "app/web/queries.sql": "app.web.idempotency",
}
"""Where a folder's queries are bound, if not in its `queries.py`."""

WHOLE_TENANT_ALLOWED = frozenset[str]()


def _load_all() -> dict[tuple[str, str], Statement]:
    for path in QUERY_FILES:
        relative = path.relative_to(ROOT).with_suffix("")
        importlib.import_module(MODULES.get(path, ".".join(relative.parts)))
    return dict(REGISTRY)


ALL = _load_all()
IDS = [f"{Path(file).parent.name}.{name}" for file, name in ALL]


@pytest.fixture(scope="module")
async def service_role(shared_database: DatabaseUrls) -> AsyncIterator[asyncpg.Connection[Any]]:
    await migrate(shared_database.owner)
    conn = await asyncpg.connect(shared_database.service)
    yield conn
    await conn.close()


def test_every_query_is_bound_to_a_function() -> None:
    for path in QUERY_FILES:
        bound = {name for file, name in ALL if file == str(path)}
        assert set(QueryFile(path).names) == bound, path


@pytest.mark.parametrize("statement", ALL.values(), ids=IDS)
async def test_columns_are_the_fields_of_the_struct(
    statement: Statement, service_role: asyncpg.Connection[Any]
) -> None:
    prepared = await service_role.prepare(statement.text)
    columns = [attribute.name for attribute in prepared.get_attributes()]
    if isinstance(statement, Rows):
        assert columns == list(statement.row.__struct_fields__)
    assert len(prepared.get_parameters()) == len(statement.parameters)


@pytest.mark.parametrize("statement", ALL.values(), ids=IDS)
async def test_no_query_scans_a_whole_tenant(
    statement: Statement, service_role: asyncpg.Connection[Any]
) -> None:
    """With sequential scans priced out, a plan that still has one found no index to use; and an
    index used by the project alone reads all that the project has."""
    async with service_role.transaction():
        await service_role.execute(
            f"SET LOCAL app.project = '{new_id()}'; SET LOCAL enable_seqscan = off;"
            "SET LOCAL plan_cache_mode = force_generic_plan"
        )
        prepared = await service_role.prepare(statement.text)
        arguments = ", ".join("NULL" for _ in prepared.get_parameters())
        name = f"checked_{new_id().hex}"
        await service_role.execute(f"PREPARE {name} AS {statement.text}")
        plan = await service_role.fetchval(
            f"EXPLAIN (FORMAT JSON) EXECUTE {name}" + (f"({arguments})" if arguments else "")
        )
    scans = list(_scans(json.loads(plan)[0]["Plan"]))
    assert not [scan for scan in scans if _is_whole_tenant(scan)], statement.name


def _scans(node: dict[str, Any]) -> Any:
    if "Relation Name" in node or node["Node Type"].startswith("Index"):
        yield node
    for child in node.get("Plans", []):
        yield from _scans(child)


def _is_whole_tenant(scan: dict[str, Any]) -> bool:
    if scan["Node Type"] == "Seq Scan":
        return True
    condition = scan.get("Index Cond", "")
    return "project_id" in condition and " AND " not in condition and _is_large(scan)


def _is_large(scan: dict[str, Any]) -> bool:
    """Tables with a handful of rows a project may be read by the project."""
    return scan.get("Relation Name") not in {"projects"}
