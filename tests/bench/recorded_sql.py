"""The SQL of a recall, recorded from the service's own code and run again by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

from app.config import Config
from app.db.database import Database, open_database
from app.db.sql import Connection
from app.ids import ProjectId

READS = ("fetch", "fetchrow", "fetchval")


class Call(NamedTuple):
    method: str
    arguments: tuple[Any, ...]


class _Recorder:
    """A connection that notes what is read on it."""

    def __init__(self, conn: Connection, calls: list[Call]) -> None:
        self._conn = conn
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._conn, name)
        if name not in READS:
            return method

        async def record(*arguments: Any) -> Any:
            self._calls.append(Call(name, arguments))
            return await method(*arguments)

        return record


class RecordingDatabase(Database):
    """Made by `open_recording_database`. `calls` are those since `begin`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.calls: list[Call] = []

    def begin(self) -> None:
        self.calls = []

    @asynccontextmanager
    async def tenant(
        self, project: ProjectId, *, everyone: bool = False
    ) -> AsyncIterator[Connection]:
        async with self._database.tenant(project, everyone=everyone) as conn:
            yield cast(Connection, _Recorder(conn, self.calls))

    async def replay(self, project: ProjectId, calls: list[Call]) -> None:
        """All of them in one transaction, one after another, their rows thrown away."""
        async with self._database.tenant(project) as conn:
            for call in calls:
                await getattr(conn, call.method)(*call.arguments)


@asynccontextmanager
async def open_recording_database(url: str) -> AsyncIterator[RecordingDatabase]:
    async with open_database(url, Config(database_pool_max=2)) as database:
        yield RecordingDatabase(database)
