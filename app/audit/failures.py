"""Attempts that failed: gathered in the process, one row a minute for each sort of them.

Whoever knocks ten thousand times leaves a row that says so. What was gathered when a worker is
killed is lost, of at most `audit_flush_seconds`.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
import structlog

from app.audit import queries
from app.audit.types import Event, Subject
from app.config import Config
from app.db.database import Database
from app.ids import ProjectId, new_id
from app.log import said

log = structlog.get_logger()

DROP_SECONDS = 60.0
DROP_MAX = 10_000


class Failure(msgspec.Struct, frozen=True):
    project: ProjectId
    event: Event
    subject: Subject | None
    """What was tried, as far as it is known."""
    address: str | None


class Tally(msgspec.Struct):
    """One row: how often something failed in a minute, and how much of it is not written yet."""

    event_id: UUID
    unwritten: int = 0


class Failures:
    def __init__(self, database: Database, addresses_max: int) -> None:
        self._database = database
        self._addresses_max = addresses_max
        self._minute = 0
        self._tallies: dict[Failure, Tally] = {}
        self._of_past_minutes: list[tuple[Failure, Tally]] = []

    def note(self, failure: Failure) -> None:
        """In a minute with too many addresses, those that are new are counted together."""
        self._turn_minute()
        if failure not in self._tallies and len(self._tallies) >= self._addresses_max:
            failure = msgspec.structs.replace(failure, subject=None, address=None)
        tally = self._tallies.setdefault(failure, Tally(new_id()))
        tally.unwritten += 1

    async def flush(self) -> None:
        """What could not be written waits on, and holds up no other project."""
        waiting = self._waiting()
        for project, tallies in waiting.items():
            try:
                await self._write(project, tallies)
            except Exception as error:
                log.warning("audit.not_written", error=said(error))
        self._of_past_minutes = [one for one in self._of_past_minutes if one[1].unwritten]

    def _turn_minute(self) -> None:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            room = self._addresses_max - len(self._of_past_minutes)
            unwritten = [(f, tally) for f, tally in self._tallies.items() if tally.unwritten]
            self._of_past_minutes += unwritten[: max(0, room)]
            self._minute, self._tallies = minute, {}

    def _waiting(self) -> dict[ProjectId, list[tuple[Failure, Tally]]]:
        by_project: dict[ProjectId, list[tuple[Failure, Tally]]] = defaultdict(list)
        for failure, tally in (*self._of_past_minutes, *self._tallies.items()):
            if tally.unwritten:
                by_project[failure.project].append((failure, tally))
        return by_project

    async def _write(self, project: ProjectId, tallies: list[tuple[Failure, Tally]]) -> None:
        counts = [tally.unwritten for _, tally in tallies]
        async with self._database.tenant(project, everyone=True) as conn:
            for (failure, tally), times in zip(tallies, counts, strict=True):
                await queries.count_failure(
                    conn,
                    project,
                    event_id=tally.event_id,
                    event=failure.event,
                    subject=failure.subject,
                    address=failure.address,
                    times=times,
                )
        for (_, tally), times in zip(tallies, counts, strict=True):
            tally.unwritten -= times


@asynccontextmanager
async def open_failures(database: Database, config: Config) -> AsyncIterator[Failures]:
    failures = Failures(database, config.audit_addresses_max)
    tasks = [
        asyncio.create_task(_flush_forever(failures, config.audit_flush_seconds)),
        asyncio.create_task(_drop_forever(database, config.audit_retention_days)),
    ]
    try:
        yield failures
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await failures.flush()


async def _flush_forever(failures: Failures, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await failures.flush()


async def _drop_forever(database: Database, days: int) -> None:
    while True:
        if not await drop_old(database, days):
            await asyncio.sleep(DROP_SECONDS)


async def drop_old(database: Database, days: int) -> bool:
    """Events that are kept no longer; whether there may be more."""
    try:
        async with database.across() as conn:
            return await queries.drop_old_events(conn, days, DROP_MAX) == DROP_MAX
    except Exception as error:
        log.warning("audit.not_dropped", error=said(error))
        return False
