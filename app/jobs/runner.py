"""The worker of the outbox: claims what is due, hands it to its handler, and keeps count.

Work begins in the process that enqueued it, right after the commit (`wake`); each process also
polls for what others left: retries, and the leases of workers that died.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import msgspec
import structlog

from app.config import Config
from app.db.database import Database
from app.errors import StatementTimeout, Unavailable
from app.jobs import queries
from app.jobs.outbox import JobGone
from app.jobs.types import Handler, Job, Topic
from app.log import said

log = structlog.get_logger()

RETRY_SECONDS_MAX = 300
STOP_SECONDS = 5.0
ERROR_LENGTH_MAX = 300
DROP_EXPIRED_SECONDS = 60.0
DROP_EXPIRED_MAX = 10_000


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a topic may take: `jobs_max` a batch, `batches_max` batches at a time. A batch has to
    end within its lease, else another worker takes its jobs too."""

    jobs_max: int
    batches_max: int
    lease_seconds: float
    attempts_max: int


class TopicWorker:
    def __init__(self, topic: Topic, handle: Handler, bounds: Bounds) -> None:
        self.topic = topic
        self.handle = handle
        self.bounds = bounds
        self.lease = timedelta(seconds=bounds.lease_seconds)
        self.slots = asyncio.Semaphore(bounds.batches_max)
        self.awake = asyncio.Event()
        self.must_rest = False
        self.running: set[asyncio.Task[None]] = set()


class JobRunner:
    def __init__(
        self, database: Database, config: Config, stop_seconds_max: float = STOP_SECONDS
    ) -> None:
        self._database = database
        self._stop_seconds_max = stop_seconds_max
        self._config = config
        self._workers: dict[Topic, TopicWorker] = {}
        self._loops: list[asyncio.Task[None]] = []

    def serve(
        self,
        topic: Topic,
        handle: Handler,
        *,
        jobs_max: int = 16,
        batches_max: int = 2,
        lease_seconds: float | None = None,
        attempts_max: int | None = None,
    ) -> None:
        """Begins to work on a topic; lease and attempts are the configured ones by default."""
        bounds = Bounds(
            jobs_max=jobs_max,
            batches_max=batches_max,
            lease_seconds=lease_seconds or self._config.outbox_lease_seconds,
            attempts_max=attempts_max or self._config.outbox_attempts_max,
        )
        worker = self._workers[topic] = TopicWorker(topic, handle, bounds)
        self._loops.append(asyncio.create_task(self._serve_forever(worker)))

    def wake(self, *topics: Topic) -> None:
        """There is work now: called right after the commit that enqueued it."""
        for topic in topics:
            if worker := self._workers.get(topic):
                worker.awake.set()

    def tend(self) -> None:
        """Begins to drop what has run out, now and then."""
        self._loops.append(asyncio.create_task(self._drop_expired_forever()))

    async def stop(self) -> None:
        """Batches in hand may end; what does not in time is left to the next who comes."""
        await _cancel(self._loops)
        running = [task for worker in self._workers.values() for task in worker.running]
        if running:
            await asyncio.wait(running, timeout=self._stop_seconds_max)
            await _cancel(running)

    async def _serve_forever(self, worker: TopicWorker) -> None:
        while True:
            await self._rest(worker)
            await worker.slots.acquire()
            jobs = await self._claim(worker)
            if not jobs:
                worker.slots.release()
                await self._wait_for_work(worker)
                continue
            task = asyncio.create_task(self._run_batch(worker, jobs))
            worker.running.add(task)
            task.add_done_callback(worker.running.discard)

    async def _rest(self, worker: TopicWorker) -> None:
        """What a handler waits for is not there: asking again at once would only burn time."""
        if worker.must_rest:
            await asyncio.sleep(self._config.outbox_poll_seconds)
            worker.must_rest = False

    async def _wait_for_work(self, worker: TopicWorker) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._config.outbox_poll_seconds):
                await worker.awake.wait()

    async def _claim(self, worker: TopicWorker) -> list[Job]:
        worker.awake.clear()  # before we look: what is enqueued from here on wakes us again
        try:
            async with self._database.across() as conn:
                return await queries.claim_jobs(
                    conn, worker.topic, worker.bounds.jobs_max, worker.lease
                )
        except Unavailable:
            worker.must_rest = True
        except Exception:
            worker.must_rest = True
            log.exception("jobs.not_claimed", topic=worker.topic)
        return []

    async def _run_batch(self, worker: TopicWorker, jobs: list[Job]) -> None:
        try:
            await self._work(worker, await self._without_exhausted(worker, jobs))
        except Unavailable:
            log.warning("jobs.storage_unavailable", topic=worker.topic, jobs=len(jobs))
        finally:
            worker.slots.release()

    async def _without_exhausted(self, worker: TopicWorker, jobs: list[Job]) -> list[Job]:
        """Jobs whose workers died so often that they may be what killed them are given up."""
        most = worker.bounds.attempts_max
        for job in jobs:
            if job.attempts > most:
                await self._give_up(job, "Its worker died or overran its lease each time.")
        return [job for job in jobs if job.attempts <= most]

    async def _work(self, worker: TopicWorker, jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            await worker.handle(jobs)
        except JobGone:
            await self._work_one_by_one(worker, jobs)
        except StatementTimeout as error:
            await self._count_failure(worker, jobs, error)
        except Unavailable as error:
            if not worker.must_rest:
                log.warning("jobs.released", topic=worker.topic, why=error.message)
            worker.must_rest = True
            await self._release(jobs, error.message)
        except asyncio.CancelledError:
            await self._release(jobs, "The service stopped.")
            raise
        except Exception as error:
            await self._count_failure(worker, jobs, error)

    async def _count_failure(self, worker: TopicWorker, jobs: list[Job], error: Exception) -> None:
        """Of a batch we cannot know whose failure it was: handled alone, the job will tell."""
        if len(jobs) == 1:
            await self._note_failure(worker, jobs[0], error)
        await self._work_one_by_one(worker, jobs)

    async def _work_one_by_one(self, worker: TopicWorker, jobs: list[Job]) -> None:
        """One bad job does not hold up the others of its batch; those done already are gone."""
        if len(jobs) > 1:
            for job in jobs:
                await self._work(worker, [job])

    async def _release(self, jobs: list[Job], why: str) -> None:
        for job in jobs:
            async with self._database.tenant(job.project_id) as conn:
                await queries.release_job(conn, job, why)

    async def _note_failure(self, worker: TopicWorker, job: Job, error: Exception) -> None:
        why = said(error)[:ERROR_LENGTH_MAX].replace("\x00", "\ufffd")
        log.error("jobs.failed", topic=job.topic, attempt=job.attempts, exc_info=error)
        if job.attempts >= worker.bounds.attempts_max:
            await self._give_up(job, why)
            return
        delay = timedelta(seconds=retry_seconds(job.attempts))
        async with self._database.tenant(job.project_id) as conn:
            await queries.postpone_job(conn, job, why, delay)

    async def _give_up(self, job: Job, why: str) -> None:
        async with self._database.tenant(job.project_id) as conn:
            await queries.give_up_job(conn, job, why)

    async def _drop_expired_forever(self) -> None:
        while True:
            if not await self._drop_expired():
                await asyncio.sleep(DROP_EXPIRED_SECONDS)

    async def _drop_expired(self) -> bool:
        """Whether there may be more."""
        try:
            async with self._database.across() as conn:
                return await queries.drop_expired(conn, DROP_EXPIRED_MAX) == DROP_EXPIRED_MAX
        except Exception as error:
            log.warning("jobs.expired_not_dropped", error=said(error))
            return False


def retry_seconds(attempts: int) -> int:
    """How long to wait after so many attempts: 2, 4, 8, … at most five minutes."""
    return int(min(2**attempts, RETRY_SECONDS_MAX))


@asynccontextmanager
async def open_job_runner(
    database: Database, config: Config, stop_seconds_max: float = STOP_SECONDS
) -> AsyncIterator[JobRunner]:
    """Give it its topics by `serve`; it stops cleanly at the end."""
    runner = JobRunner(database, config, stop_seconds_max)
    runner.tend()
    try:
        yield runner
    finally:
        await runner.stop()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
