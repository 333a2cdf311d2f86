"""What the database is to be told: what was granted and not used, and what was used beyond."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import structlog

from app.db.database import Database
from app.ids import ProjectId
from app.limits import queries
from app.limits.types import Counter
from app.log import said

log = structlog.get_logger()

Changes = dict[tuple[Counter, datetime], int]
"""Of what counts as used, by the window that it is of."""


class Settlements:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._changes: Changes = defaultdict(int)
        self._writing = asyncio.Lock()
        self.wanted = asyncio.Event()
        """Set where something waits that others may ask for."""
        self.written = 0
        """How many times something was told."""

    def add(self, counter: Counter, began_at: datetime, change: int) -> None:
        if change:
            self._changes[counter, began_at] += change
            self.wanted.set()

    async def flush(self) -> None:
        """Returns when all that waited is told; it is told whatever becomes of the one who asks.
        Where the database is away it goes on waiting."""
        await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def _flush(self) -> None:
        async with self._writing:
            self.wanted.clear()
            changes, self._changes = self._changes, defaultdict(int)
            for project, of_project in _by_project(changes).items():
                await self._write(project, of_project)

    async def _write(self, project: ProjectId, changes: Changes) -> None:
        """What may have been given back is not given back again; what is owed is owed."""
        sent = False
        try:
            async with self._database.tenant(project, everyone=True) as conn:
                sent = True
                await queries.settle(conn, project, changes)
            self.written += 1
        except Exception as error:
            log.warning("limits.not_settled", error=said(error))
            for key, change in changes.items():
                if change > 0 or not sent:
                    self._changes[key] += change


def _by_project(changes: Mapping[tuple[Counter, datetime], int]) -> dict[ProjectId, Changes]:
    found: dict[ProjectId, Changes] = defaultdict(dict)
    for (counter, began_at), change in changes.items():
        if change:
            found[counter.project][counter, began_at] = change
    return found
