"""What others do with the outbox: enqueue work, finish it, and look at what waits or failed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.db.database import Database
from app.db.sql import Connection
from app.ids import ProjectId, UserId
from app.jobs import queries
from app.jobs.types import Backlog, FailedJob, Job, Topic, Work

FAILED_SHOWN_MAX = 100


class JobGone(Exception):
    """Another worker has done this job already: what we did for it must be rolled back."""


async def enqueue(
    conn: Connection,
    project: ProjectId,
    topic: Topic,
    user_id: UserId,
    subject_id: UUID | None,
    payload: Any,
) -> None:
    """Work that exists when the caller's transaction commits; then `wake` its topic."""
    await enqueue_all(conn, project, topic, [Work(user_id, subject_id, payload)])


async def enqueue_later(
    conn: Connection,
    project: ProjectId,
    topic: Topic,
    user_id: UserId,
    subject_id: UUID | None,
    payload: Any,
    at: datetime,
) -> None:
    """As `enqueue`, to be done then: until it is due it counts as waiting, without an age."""
    await queries.insert_job_at(conn, project, topic, Work(user_id, subject_id, payload), at)


async def enqueue_all(
    conn: Connection, project: ProjectId, topic: Topic, works: Sequence[Work]
) -> None:
    await queries.insert_jobs(conn, project, topic, works)


async def gather(
    conn: Connection, project: ProjectId, work: Work, most: int, wait_seconds: float
) -> None:
    """Work on the facts of memories, which waits a while for more of its user and subject; what
    is full is due at once."""
    if len(work.payload["memories"]) >= most:
        await enqueue_all(conn, project, "extract_facts", [work])
    elif not await queries.gather_into_job(conn, project, work, most):
        wait = timedelta(seconds=wait_seconds)
        await queries.insert_gathering_job(conn, project, work, wait)


async def enqueue_once(
    conn: Connection,
    project: ProjectId,
    topic: Topic,
    user_id: UserId,
    subject_id: UUID,
    payload: Any,
) -> None:
    """As `enqueue`, unless the same waits already and nobody has begun with it."""
    await queries.insert_job_once(conn, project, topic, Work(user_id, subject_id, payload))


async def enqueue_alone(
    conn: Connection,
    project: ProjectId,
    topic: Topic,
    user_id: UserId,
    subject_id: UUID,
    payload: Any,
    rest: timedelta,
) -> None:
    """As `enqueue`, unless the same is there: waiting, begun, or given up not longer ago than
    `rest`. For what is asked for again and again."""
    work = Work(user_id, subject_id, payload)
    await queries.insert_job_alone(conn, project, topic, work, rest)


async def done(conn: Connection, job: Job) -> None:
    """Called in the transaction that does the work, so that its effect comes exactly once.

    Raises JobGone, which has to end the transaction.
    """
    if not await queries.delete_job(conn, job):
        raise JobGone


async def cancel(
    conn: Connection, project: ProjectId, topic: Topic, subject_ids: Sequence[UUID]
) -> set[UUID]:
    """Drops the work that is about these things and nothing else; gives those that had some."""
    return await queries.delete_jobs_about(conn, project, topic, subject_ids)


async def list_failed(database: Database, project: ProjectId) -> list[FailedJob]:
    async with database.tenant(project) as conn:
        return await queries.list_failed_jobs(conn, project, FAILED_SHOWN_MAX)


async def retry_failed(database: Database, project: ProjectId) -> int:
    """How many are due again."""
    async with database.tenant(project) as conn:
        return await queries.retry_failed_jobs(conn, project)


async def backlog(database: Database) -> list[Backlog]:
    async with database.across() as conn:
        return await queries.count_backlog(conn)


async def project_backlog(database: Database, project: ProjectId) -> list[Backlog]:
    async with database.tenant(project) as conn:
        return await queries.count_project_backlog(conn, project)


async def users_backlog(
    conn: Connection, project: ProjectId, users: Sequence[UserId]
) -> list[Backlog]:
    return await queries.count_users_backlog(conn, project, users)
