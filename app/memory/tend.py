"""Dropping memories that have run out, or that their project keeps no longer, with all that came
from them: in bounded batches, counted in the log."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

import msgspec
import structlog

from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.ids import MemoryId, ProjectId
from app.log import said
from app.memory import queries
from app.memory.forget import forget
from app.memory.retention import Rule, rules_of
from app.memory.types import Forgotten

log = structlog.get_logger()

BATCH = 500


@asynccontextmanager
async def open_tending(database: Database, seconds: float) -> AsyncIterator[None]:
    task = asyncio.create_task(_tend_forever(database, seconds))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tend_forever(database: Database, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        failing: set[ProjectId] = set()
        try:
            while await tend(database, failing):
                pass
        except Exception as error:
            log.warning("memories.not_tended", error=said(error))


async def tend(database: Database, failing: set[ProjectId]) -> bool:
    """Drops a batch of each, but of those projects where it fails, which are added; whether there
    may be more."""
    async with database.across() as conn:
        expired = await queries.list_expired(conn, BATCH, failing)
        rules = rules_of(await queries.list_retentions(conn))
    failed_before, dropped = len(failing), 0
    by_project = sorted(expired, key=lambda one: one.project_id)
    for project, group in groupby(by_project, lambda one: one.project_id):
        ids = [one.memory_id for one in group]
        dropped += await _noticing(failing, project, _drop_expired(database, project, ids))
    for rule in rules:
        if rule.project not in failing:
            dropped += await _noticing(failing, rule.project, _drop_outdated(database, rule))
    return dropped > 0 or len(failing) > failed_before


async def _noticing(failing: set[ProjectId], project: ProjectId, work: Awaitable[int]) -> int:
    """What fails in one project holds up no other."""
    try:
        return await work
    except Exception as error:
        failing.add(project)
        log.warning("memories.not_dropped", project=str(project), error=said(error))
        return 0


@again_if_crossed
async def _drop_expired(database: Database, project: ProjectId, ids: Sequence[MemoryId]) -> int:
    """One that was given more time meanwhile stays."""
    async with database.tenant(project) as conn:
        await queries.lock_scopes_of(conn, project, ids)
        gone = await queries.list_still_expired(conn, project, ids)
        forgotten = await forget(conn, project, gone)
    return _told(project, "expired", forgotten)


@again_if_crossed
async def _drop_outdated(database: Database, rule: Rule) -> int:
    async with database.tenant(rule.project) as conn:
        gone = await _list_outdated(conn, rule)
        forgotten = await forget(conn, rule.project, gone)
    return _told(rule.project, "retention", forgotten)


async def _list_outdated(conn: Connection, rule: Rule) -> list[MemoryId]:
    if rule.user is None:
        return await queries.list_outdated(conn, rule.project, rule.below, rule.but, BATCH)
    return await queries.list_outdated_of(conn, rule.project, rule.user, rule.below, BATCH)


def _told(project: ProjectId, why: str, forgotten: Forgotten) -> int:
    """Nothing is dropped in silence."""
    if forgotten.memories:
        counts = {sort: n for sort, n in msgspec.structs.asdict(forgotten).items() if n}
        log.info("memories.dropped", project=str(project), why=why, **counts)
    return forgotten.memories
