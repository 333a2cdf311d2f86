"""Ending responses whose worker died: as failed, with what is written of them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from app.config import Config
from app.conversations.contents import Hasher
from app.db.database import Database
from app.errors import BackstoryError, ConversationNotFound, Unavailable
from app.ids import ProjectId, ResponseId, created_at
from app.responses import queries
from app.responses.commit import FinishedTurn, LeaseLost, TurnPlan, commit
from app.responses.complete import Completer
from app.responses.leases import Leases
from app.responses.log import unpack
from app.responses.retrieve import WORKER_LOST
from app.responses.types import Abandoned, RunningResponse, Segment

log = structlog.get_logger()

CLAIMED_MAX = 100
RENEWALS_PER_LEASE = 4
GIVEN_UP_AFTER = timedelta(hours=1)
"""What could not be ended for so long never will be."""
GIVEN_UP_AFTER = timedelta(hours=1)
"""What could not be ended for so long never will be."""


class WorkerLost(BackstoryError):
    """The worker that made this response died."""

    code = WORKER_LOST


class Custodian:
    """Keeps this worker's lease, and ends what workers left whose lease ran out."""

    def __init__(
        self, database: Database, leases: Leases, content_key: bytes, config: Config
    ) -> None:
        self._database = database
        self._leases = leases
        self._content_key = content_key
        self._lease_seconds = config.worker_lease_seconds
        self._commit_retry_seconds = config.commit_retry_seconds
        self._rests = 0
        """Rounds to wait after the database was away: nobody could renew a lease then."""

    async def renew(self) -> None:
        async with self._database.across() as conn:
            await queries.renew_worker(conn, self._leases.worker_id, self._lease_seconds)

    async def work_forever(self) -> None:
        while True:
            await self._round()
            await asyncio.sleep(self._lease_seconds / RENEWALS_PER_LEASE)

    async def leave(self) -> None:
        """What this worker still has can be ended by others at once."""
        async with self._database.across() as conn:
            await queries.delete_worker(conn, self._leases.worker_id)

    async def _round(self) -> None:
        try:
            await self.renew()
            self._rests = max(0, self._rests - 1)
            if not self._rests:
                await self._end_abandoned()
        except Unavailable:
            self._rests = RENEWALS_PER_LEASE + 1
        except Exception:
            log.exception("responses.abandoned_not_ended")

    async def _end_abandoned(self) -> None:
        async with self._database.across() as conn:
            await queries.delete_dead_workers(conn)
            found = await queries.claim_abandoned(conn, self._leases.worker_id, CLAIMED_MAX)
        for abandoned in found:
            await self._end_one(abandoned)

    async def _end_one(self, abandoned: Abandoned) -> None:
        """One that cannot be ended holds up no other; it is tried again in the next round."""
        project, response_id = abandoned.project_id, abandoned.response_id
        try:
            await self._end(abandoned)
            log.warning("response.ended_for_lost_worker", response=str(response_id))
        except (ConversationNotFound, LeaseLost):
            # It goes with what it was said in; or its worker could store it after all.
            await self._drop(project, response_id)
        except Exception:
            log.exception("response.not_ended", response=str(response_id))
            if datetime.now(UTC) - created_at(response_id) > GIVEN_UP_AFTER:
                await self._drop(project, response_id)
                return
            async with self._database.tenant(project) as conn:
                await queries.abandon_running(conn, project, response_id, self._leases.worker_id)

    async def _drop(self, project: ProjectId, response_id: ResponseId) -> None:
        async with self._database.tenant(project) as conn:
            await queries.delete_running(conn, project, response_id, self._leases.worker_id)

    async def _end(self, abandoned: Abandoned) -> None:
        project, response_id = abandoned.project_id, abandoned.response_id
        async with self._database.tenant(project) as conn:
            running = await queries.get_running(conn, project, response_id)
            segments = await queries.list_segments(conn, project, response_id, 0)
        if running is None:
            return
        turn = self._turn(running, segments)
        await commit(self._database, turn, retry_seconds=self._commit_retry_seconds)

    def _turn(self, running: RunningResponse, segments: list[Segment]) -> FinishedTurn:
        plan = msgspec.convert(running.plan, TurnPlan)
        completer = Completer(running.resource, {}, own=True)
        frames = _written(completer, segments)
        if running.cancelled:
            frames += completer.cancel()
        else:
            frames += completer.fail(WorkerLost("The worker that made this response died."))
            plan.record.status, plan.record.error_code = WorkerLost.status, WORKER_LOST
        plan.record.total_ms = (time.time() - created_at(plan.response_id).timestamp()) * 1000
        return FinishedTurn(
            plan=plan,
            claim=None,
            hasher=Hasher(self._content_key, plan.caller.project, plan.context.user),
            resource=completer.resource,
            outputs=completer.output_items(),
            frames=[*frames, completer.last_frame()],
            replayed=None,
            cache=None,
            worker_id=self._leases.worker_id,
        )


def _written(completer: Completer, segments: list[Segment]) -> list[bytes]:
    """The events that were kept, as they were sent: under the ids that clients have seen."""
    frames = completer.begin()
    for segment in segments:
        for event in unpack(segment.events):
            frames += completer.add(event)
    return frames


@asynccontextmanager
async def open_custodian(
    database: Database, leases: Leases, content_key: bytes, config: Config
) -> AsyncIterator[None]:
    """Raises Unavailable where the database is away."""
    custodian = Custodian(database, leases, content_key, config)
    await custodian.renew()
    task = asyncio.create_task(custodian.work_forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        try:
            await custodian.leave()
        except Unavailable:
            log.warning("worker.lease_left", why="The database is away: it ends by itself.")
