"""When keys were used last: gathered in the process, written now and then.

No request waits for it, and a busy key costs one write in so many seconds. What was gathered when a
worker is killed is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog

from app.config import Config
from app.db.database import Database
from app.identity import queries
from app.ids import KeyId, ProjectId
from app.log import said

log = structlog.get_logger()

GATHERED_MAX = 100_000
DROP_MAX = 1_000


class KeyUses:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[tuple[ProjectId, KeyId], datetime] = {}

    def note(self, project: ProjectId, key: KeyId) -> None:
        """Now. Where nothing could be written for long, no further key is gathered."""
        used = (project, key)
        if used in self._used or len(self._used) < GATHERED_MAX:
            self._used[used] = datetime.now(UTC)

    async def flush(self) -> None:
        """What could not be written is gathered still, and holds up no other project."""
        gathered, self._used = self._used, {}
        by_project: dict[ProjectId, dict[KeyId, datetime]] = {}
        for (project, key), at in gathered.items():
            by_project.setdefault(project, {})[key] = at
        try:
            for project, keys in by_project.items():
                if await self._written(project, keys):
                    for key in keys:
                        del gathered[project, key]
        finally:
            self._used = gathered | self._used

    async def _written(self, project: ProjectId, keys: Mapping[KeyId, datetime]) -> bool:
        try:
            async with self._database.tenant(project, everyone=True) as conn:
                await queries.note_uses(conn, project, keys)
        except Exception as error:
            log.warning("keys.uses_not_written", error=said(error))
            return False
        return True


@asynccontextmanager
async def open_key_uses(database: Database, config: Config) -> AsyncIterator[KeyUses]:
    uses = KeyUses(database)
    task = asyncio.create_task(_tend_forever(uses, database, config))
    try:
        yield uses
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await uses.flush()


async def _tend_forever(uses: KeyUses, database: Database, config: Config) -> None:
    while True:
        await asyncio.sleep(config.key_uses_flush_seconds)
        await uses.flush()
        await drop_ended(database, config.audit_retention_days)


async def drop_ended(database: Database, days: int) -> None:
    """Some of the keys that ended so long ago; the next ones when it is called again."""
    try:
        async with database.across() as conn:
            await queries.drop_ended_keys(conn, days, DROP_MAX)
    except Exception as error:
        log.warning("keys.not_dropped", error=said(error))
