"""Named queries: a `queries.sql` beside a module, each block bound to the struct of its rows.

    _sql = load(__file__)
    _find_user = _sql.rows("find_user", User)

    async def find_user(conn: Connection, project: ProjectId, external_id: str) -> User | None:
        return await _find_user.one(conn, project=project, external_id=external_id)

A meta test prepares every query against the migrated schema, compares its columns with the
struct, and EXPLAINs it as the service's role.
"""

from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import aiosql
import asyncpg
import msgspec
from aiosql.adapters.asyncpg import AsyncPGAdapter

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row = TypeVar("Row", bound=msgspec.Struct)


class Statement:
    """A query without rows, or one whose rows are counted."""

    def __init__(self, name: str, text: str, parameters: list[str]) -> None:
        self.name = name
        self.text = text
        self.parameters = parameters

    async def run(self, conn: Connection, **values: Any) -> int:
        """How many rows it touched."""
        status = await conn.execute(self.text, *self._arguments(values))
        return int(status.rpartition(" ")[2])

    async def value(self, conn: Connection, **values: Any) -> Any:
        """The first column of the first row, or None."""
        return await conn.fetchval(self.text, *self._arguments(values))

    async def values(self, conn: Connection, **values: Any) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in await conn.fetch(self.text, *self._arguments(values))]

    def _arguments(self, values: dict[str, Any]) -> list[Any]:
        return [values[name] for name in self.parameters]


class Rows(Statement, Generic[Row]):
    """A query whose rows are structs: columns in the order of the fields."""

    def __init__(self, name: str, text: str, parameters: list[str], row: type[Row]) -> None:
        super().__init__(name, text, parameters)
        self.row = row

    async def all(self, conn: Connection, **values: Any) -> list[Row]:
        row = self.row
        return [row(*record) for record in await conn.fetch(self.text, *self._arguments(values))]

    async def one(self, conn: Connection, **values: Any) -> Row | None:
        record = await conn.fetchrow(self.text, *self._arguments(values))
        return None if record is None else self.row(*record)


REGISTRY: dict[tuple[str, str], Statement] = {}
"""Every bound query by (file, name): what the meta tests walk."""


class QueryFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._adapter: Any = AsyncPGAdapter()  # type: ignore[no-untyped-call]  # aiosql has no types
        self._queries = aiosql.from_path(path, lambda: self._adapter, mandatory_parameters=False)

    @property
    def names(self) -> list[str]:
        return [name for name in self._queries.available_queries if not name.endswith("_cursor")]

    def statement(self, name: str) -> Statement:
        return self._bind(Statement(name, *self._parts(name)))

    def rows(self, name: str, row: type[Row]) -> Rows[Row]:
        bound = Rows(name, *self._parts(name), row)
        self._bind(bound)
        return bound

    def _parts(self, name: str) -> tuple[str, list[str]]:
        return getattr(self._queries, name).sql, list(self._adapter.var_sorted[name])

    def _bind(self, statement: Statement) -> Statement:
        REGISTRY[str(self.path), statement.name] = statement
        return statement


def load(module_file: str) -> QueryFile:
    """The `queries.sql` in the folder of the module that asks."""
    return QueryFile(Path(module_file).with_name("queries.sql"))
