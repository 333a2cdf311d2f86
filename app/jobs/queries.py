"""Typed access to queries.sql."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.db.sql import Connection, load
from app.ids import ProjectId, UserId, new_id
from app.jobs.types import Backlog, FailedJob, Job, Topic, Work

_sql = load(__file__)
_insert_jobs = _sql.statement("insert_jobs")
_gather_into_job = _sql.statement("gather_into_job")
_insert_gathering_job = _sql.statement("insert_gathering_job")
_insert_job_once = _sql.statement("insert_job_once")
_insert_job_alone = _sql.statement("insert_job_alone")
_insert_job_at = _sql.statement("insert_job_at")
_claim_jobs = _sql.rows("claim_jobs", Job)
_delete_job = _sql.statement("delete_job")
_delete_jobs_about = _sql.statement("delete_jobs_about")
_release_job = _sql.statement("release_job")
_postpone_job = _sql.statement("postpone_job")
_give_up_job = _sql.statement("give_up_job")
_list_failed_jobs = _sql.rows("list_failed_jobs", FailedJob)
_retry_failed_jobs = _sql.statement("retry_failed_jobs")
_count_backlog = _sql.rows("count_backlog", Backlog)
_count_project_backlog = _sql.rows("count_project_backlog", Backlog)
_count_users_backlog = _sql.rows("count_users_backlog", Backlog)
_drop_expired = _sql.statement("drop_expired")


async def insert_jobs(
    conn: Connection, project: ProjectId, topic: Topic, works: Sequence[Work]
) -> None:
    await _insert_jobs.run(
        conn,
        project=project,
        topic=topic,
        outbox_ids=[new_id() for _ in works],
        user_ids=[work.user_id for work in works],
        subject_ids=[work.subject_id for work in works],
        payloads=[work.payload for work in works],
    )


async def gather_into_job(conn: Connection, project: ProjectId, work: Work, most: int) -> bool:
    """False where no work waits that has room for its memories."""
    memories = work.payload["memories"]
    found = await _gather_into_job.value(
        conn,
        project=project,
        user_id=work.user_id,
        subject_id=work.subject_id,
        model=work.payload.get("model"),
        memories=memories,
        count=len(memories),
        most=most,
    )
    return found is not None


async def insert_gathering_job(
    conn: Connection, project: ProjectId, work: Work, wait: timedelta
) -> None:
    await _insert_gathering_job.run(
        conn,
        project=project,
        outbox_id=new_id(),
        user_id=work.user_id,
        subject_id=work.subject_id,
        payload=work.payload,
        wait=wait,
    )


async def insert_job_alone(
    conn: Connection, project: ProjectId, topic: Topic, work: Work, rest: timedelta
) -> None:
    await _insert_job_alone.run(
        conn,
        project=project,
        topic=topic,
        outbox_id=new_id(),
        user_id=work.user_id,
        subject_id=work.subject_id,
        payload=work.payload,
        rest=rest,
    )


async def insert_job_once(conn: Connection, project: ProjectId, topic: Topic, work: Work) -> None:
    await _insert_job_once.run(
        conn,
        project=project,
        topic=topic,
        outbox_id=new_id(),
        user_id=work.user_id,
        subject_id=work.subject_id,
        payload=work.payload,
    )


async def insert_job_at(
    conn: Connection, project: ProjectId, topic: Topic, work: Work, at: datetime
) -> None:
    await _insert_job_at.run(
        conn,
        project=project,
        topic=topic,
        outbox_id=new_id(),
        user_id=work.user_id,
        subject_id=work.subject_id,
        payload=work.payload,
        at=at,
    )


async def claim_jobs(conn: Connection, topic: Topic, most: int, lease: timedelta) -> list[Job]:
    return await _claim_jobs.all(conn, topic=topic, most=most, lease=lease)


async def delete_job(conn: Connection, job: Job) -> bool:
    """False where it was not there any more."""
    found = await _delete_job.run(conn, project=job.project_id, outbox_id=job.outbox_id)
    return found == 1


async def delete_jobs_about(
    conn: Connection, project: ProjectId, topic: Topic, subject_ids: Sequence[UUID]
) -> set[UUID]:
    values = {"project": project, "topic": topic, "subject_ids": subject_ids}
    return set(await _delete_jobs_about.values(conn, **values))


async def release_job(conn: Connection, job: Job, error: str) -> None:
    await _release_job.run(conn, **_lease(job), error=error)


async def postpone_job(conn: Connection, job: Job, error: str, delay: timedelta) -> None:
    await _postpone_job.run(conn, **_lease(job), error=error, delay=delay)


async def give_up_job(conn: Connection, job: Job, error: str) -> None:
    await _give_up_job.run(conn, **_lease(job), error=error)


async def list_failed_jobs(conn: Connection, project: ProjectId, most: int) -> list[FailedJob]:
    return await _list_failed_jobs.all(conn, project=project, most=most)


async def retry_failed_jobs(conn: Connection, project: ProjectId) -> int:
    return await _retry_failed_jobs.run(conn, project=project)


async def count_backlog(conn: Connection) -> list[Backlog]:
    return await _count_backlog.all(conn)


async def count_project_backlog(conn: Connection, project: ProjectId) -> list[Backlog]:
    return await _count_project_backlog.all(conn, project=project)


async def count_users_backlog(
    conn: Connection, project: ProjectId, users: Sequence[UserId]
) -> list[Backlog]:
    return await _count_users_backlog.all(conn, project=project, users=users)


async def drop_expired(conn: Connection, most: int) -> int:
    """How many rows went of the table that lost the most."""
    return int(await _drop_expired.value(conn, most=most))


def _lease(job: Job) -> dict[str, Any]:
    """A lease that has run out, and that another worker took, is no longer ours to change."""
    return {"project": job.project_id, "outbox_id": job.outbox_id, "leased_until": job.run_at}
