"""Forgetting a project that was deleted: everything it has, table by table, as work of the root
project's.

Nobody may speak for it any more, but other workers know its keys for some seconds yet, and what had
begun may run for long: it is looked through again after both. All of it can be done again: what was
interrupted goes on where it stood.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from app.config import Config
from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.erasure import queries
from app.erasure.at_engine import leave_to_project
from app.ids import PROJECT_ITSELF, ProjectId
from app.jobs.outbox import done, enqueue_later
from app.jobs.types import Handler, Job
from app.responses.cancel import MARGIN_SECONDS, end_all_in
from app.responses.parts import Parts
from app.web.principal import Caller, Principal

log = structlog.get_logger()

ROWS_AT_A_TIME = 2_000
KEPT_AT_A_TIME = 200
SWEEP_MARGIN_SECONDS = 5.0
LAST_MARGIN_SECONDS = 60.0

TABLES = (
    *("memory_vectors", "memory_versions", "memory_uses", "memory_sources", "memory_postings"),
    *("fact_readings", "facts", "summaries", "memories"),
    *("memory_scopes", "memory_languages", "forgotten_texts", "fact_counts"),
    *("cache_entry_memories", "cache_entries", "idempotency_keys"),
    *("event_segments", "running_responses", "title_sources", "conversations"),
    *("compaction_sources", "compactions", "engine_responses", "responses", "event_logs"),
    *("items", "turns", "branches", "content_blobs", "contents", "files", "blobs"),
    *("setting_changes", "setting_counts", "settings", "requests", "audit_events", "engine_keys"),
    *("used_refresh_tokens", "sessions", "password_resets", "logins", "guesses"),
    *("limit_counters", "users", "erased_users", "rotated_secrets", "api_keys", "outbox"),
)
"""Every tenant's table but `projects`: what refers to another's rows before those."""


def project_handler(parts: Parts) -> Handler:
    async def handle(jobs: list[Job]) -> None:
        for job in jobs:
            await _go_on(parts, job)

    return handle


def lease_seconds(config: Config) -> float:
    """Half of the usual lease for what is deleted in one go, and time to end what runs."""
    return config.outbox_lease_seconds + config.worker_lease_seconds + MARGIN_SECONDS


async def _go_on(parts: Parts, job: Job) -> None:
    assert job.subject_id is not None
    project = ProjectId(job.subject_id)
    next_at = await forget_project(parts, project)
    async with parts.database.tenant(job.project_id) as conn:
        await done(conn, job)
        if next_at is not None:
            await enqueue_later(
                conn, job.project_id, "forget_project", PROJECT_ITSELF, project, {}, next_at
            )
    parts.jobs.wake("forget_project")
    parts.jobs.wake("delete_at_engine")


async def forget_project(parts: Parts, project: ProjectId) -> datetime | None:
    """As much of it as can be done within a lease; when to go on, or None where nothing is left.
    Raises Unavailable where what runs in it cannot be ended in time."""
    began = datetime.now(UTC)
    async with parts.database.tenant(project) as conn:
        deleted_at = await queries.get_deleted_at(conn, project)
    if deleted_at is None:
        return None
    speaker = Principal(project, None, frozenset())
    await end_all_in(parts, Caller(speaker, everyone=True))
    emptying = _Emptying(parts, project, is_last=began >= _last_at(deleted_at, parts.config))
    if not await emptying.run():
        return datetime.now(UTC)
    next_at = _next_pass(emptying, began, deleted_at, parts.config)
    if next_at is None:
        async with parts.database.tenant(project) as conn:
            await queries.delete_project(conn, project)
    return next_at


def _next_pass(
    emptied: "_Emptying", began: datetime, deleted_at: datetime, config: Config
) -> datetime | None:
    last_at = _last_at(deleted_at, config)
    if began < (again_at := _again_at(deleted_at, config)):
        return again_at
    if emptied.waits_for_engine:
        return began + timedelta(seconds=config.erasure_sweep_seconds)
    if began < last_at:
        return last_at
    if emptied.rows:  # something writes still, as a long import may
        return began + (last_at - deleted_at)
    return None


def _again_at(deleted_at: datetime, config: Config) -> datetime:
    """When no worker knows its keys any more."""
    return deleted_at + timedelta(seconds=config.principal_ttl_seconds + SWEEP_MARGIN_SECONDS)


def _last_at(deleted_at: datetime, config: Config) -> datetime:
    """When no stream runs any more."""
    seconds = config.engine_stream_timeout_seconds + LAST_MARGIN_SECONDS
    return max(_again_at(deleted_at, config), deleted_at + timedelta(seconds=seconds))


class _Emptying:
    """One pass through all tables."""

    def __init__(self, parts: Parts, project: ProjectId, *, is_last: bool) -> None:
        self._database: Database = parts.database
        self._project = project
        self._is_last = is_last
        self._deadline = asyncio.get_running_loop().time() + parts.config.outbox_lease_seconds / 2
        self.rows = 0
        self.waits_for_engine = False

    async def run(self) -> bool:
        """Whether it came to its end in time."""
        while await self._leave_to_engine():
            if self._is_late():
                return False
        for table in TABLES:
            while deleted := await self._delete_some(table):
                self.rows += deleted
                if self._is_late():
                    return self._told(ended=False)
        return self._told(ended=True)

    def _is_late(self) -> bool:
        return asyncio.get_running_loop().time() > self._deadline

    def _told(self, *, ended: bool) -> bool:
        if self.rows:
            log.info("project.emptied", project=str(self._project), rows=self.rows, ended=ended)
        return ended

    @again_if_crossed
    async def _leave_to_engine(self) -> bool:
        """What an engine keeps of it is deleted there, as work of its own."""
        async with self._database.tenant(self._project) as conn:
            ids = await queries.list_kept_at_engine(conn, self._project, KEPT_AT_A_TIME)
            await leave_to_project(conn, self._project, ids)
        return bool(ids)

    @again_if_crossed
    async def _delete_some(self, table: str) -> int:
        async with self._database.tenant(self._project) as conn:
            await queries.read_by_index(conn)
            if table == "outbox" and not self._is_last:
                return await queries.delete_some_jobs(conn, self._project, ROWS_AT_A_TIME)
            if table == "engine_keys" and await self._are_needed(conn):
                return 0
            return await queries.delete_some(conn, self._project, table, ROWS_AT_A_TIME)

    async def _are_needed(self, conn: Connection) -> bool:
        """What is deleted at the engine is deleted there with the project's own key of it."""
        if not self._is_last:
            self.waits_for_engine = await queries.has_work_at_engine(conn, self._project)
        return self.waits_for_engine
