"""How often memories are recalled: gathered in the process, written every few seconds.

A recall waits for no write. What was gathered when a worker is killed is lost: the counts say what
is used, not how often to the last one.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from app.db.database import Database
from app.ids import MemoryId, ProjectId
from app.log import said
from app.memory import queries

log = structlog.get_logger()

GATHERED_MAX = 100_000
WRITTEN_MAX = 1_000
"""In one statement."""


class Uses:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._gathered: dict[ProjectId, Counter[MemoryId]] = defaultdict(Counter)

    def note(self, project: ProjectId, ids: Iterable[UUID]) -> None:
        """These were recalled. Where nothing could be written for long, it is not gathered."""
        counter = self._gathered[project]
        if len(counter) < GATHERED_MAX:
            counter.update(map(MemoryId, ids))

    async def flush(self) -> None:
        """What could not be written is gathered still, and holds up no other project."""
        for project in list(self._gathered):
            try:
                await self._flush(project)
            except Exception as error:
                log.warning("memories.uses_not_counted", error=said(error))

    async def _flush(self, project: ProjectId) -> None:
        while counter := self._gathered[project]:
            some = dict(list(counter.items())[:WRITTEN_MAX])
            await self._write(project, some)
            counter.subtract(some)
            self._gathered[project] = +counter
        del self._gathered[project]

    async def _write(self, project: ProjectId, some: Mapping[MemoryId, int]) -> None:
        async with self._database.tenant(project) as conn:
            await queries.count_uses(conn, project, some)


@asynccontextmanager
async def open_uses(database: Database, flush_seconds: float) -> AsyncIterator[Uses]:
    uses = Uses(database)
    task = asyncio.create_task(_flush_forever(uses, flush_seconds))
    try:
        yield uses
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await uses.flush()


async def _flush_forever(uses: Uses, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await uses.flush()
