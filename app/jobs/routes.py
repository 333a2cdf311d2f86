"""/v1/jobs: what waits in the background, what failed, and trying that again."""

from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency

from app.db.database import Database
from app.ids import id_text
from app.jobs.outbox import list_failed, project_backlog, retry_failed
from app.jobs.runner import JobRunner
from app.jobs.types import Backlog, FailedJob, Topic
from app.web.principal import Access, Scope, guarded

ADMIN = guarded(Access.ADMIN, Scope.ADMIN)


class Failed(msgspec.Struct, kw_only=True):
    """Work that was given up after its last attempt."""

    id: str
    topic: Topic
    attempts: int
    error: str
    failed_at: datetime


class Jobs(msgspec.Struct, kw_only=True):
    object: Literal["jobs"] = "jobs"
    queues: list[Backlog]
    failed: list[Failed]


class Retried(msgspec.Struct, kw_only=True):
    object: Literal["jobs.retried"] = "jobs.retried"
    count: int


@get("/v1/jobs", opt=ADMIN)
async def list_jobs(request: Request[Any, Any, Any], database: NamedDependency[Database]) -> Jobs:
    """What waits and what failed in the project: the oldest failures first, a hundred at most."""
    project = request.auth.project
    queues = await project_backlog(database, project)
    failed = await list_failed(database, project)
    return Jobs(queues=queues, failed=[_shown(job) for job in failed])


@post("/v1/jobs/retry", opt=ADMIN, status_code=200)
async def retry_jobs(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    jobs: NamedDependency[JobRunner],
) -> Retried:
    """All that failed in the project is due again, as if it had not been tried."""
    count = await retry_failed(database, request.auth.project)
    for topic in get_args(Topic):
        jobs.wake(topic)
    return Retried(count=count)


def _shown(job: FailedJob) -> Failed:
    return Failed(
        id=id_text("job", job.outbox_id),
        topic=job.topic,
        attempts=job.attempts,
        error=job.error,
        failed_at=job.failed_at,
    )


ROUTES = [list_jobs, retry_jobs]
