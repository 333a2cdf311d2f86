"""Ending responses whose worker died: as failed, with what is written of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from app.config import Config
from app.conversations.contents import Hasher
from app.db.database import Database
from app.errors import BackstoryError, ConversationNotFound, StatementTimeout, Unavailable
from app.ids import ProjectId, ResponseId, created_at, new_id
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
        self._rests_until = 0.0
        """After the database was away, of time.monotonic: nobody could renew a lease then."""

    async def renew(self) -> None:
        async with self._database.across() as conn:
            await queries.renew_worker(conn, self._leases.worker_id, self._lease_seconds)

    async def renew_forever(self) -> None:
        """Beside the ending of what others left, which may take longer than a lease lasts."""
        while True:
            await asyncio.sleep(self._lease_seconds / RENEWALS_PER_LEASE)
            with self._noticing("worker.lease_not_renewed"):
                await self.renew()

    async def end_forever(self) -> None:
        while True:
            if time.monotonic() >= self._rests_until:
                with self._noticing("responses.abandoned_not_ended"):
                    await self._end_abandoned()
            await asyncio.sleep(self._lease_seconds / RENEWALS_PER_LEASE)

    @contextmanager
    def _noticing(self, event: str) -> Iterator[None]:
        try:
            yield
        except Unavailable:
            rest_seconds = self._lease_seconds * (1 + 1 / RENEWALS_PER_LEASE)
            self._rests_until = time.monotonic() + rest_seconds
        except Exception:
            log.exception(event)

    async def leave(self) -> None:
        """What this worker still has can be ended by others at once."""
        async with self._database.across() as conn:
            await queries.delete_worker(conn, self._leases.worker_id)

    async def _end_abandoned(self) -> None:
        """Under a lease of its own: what is not ended, for whatever reason, is free again when
        that is over, also where the answer to the claim itself was lost."""
        worker_id = new_id()
        async with self._database.across() as conn:
            await queries.delete_dead_workers(conn)
            found = await queries.claim_abandoned(conn, worker_id, CLAIMED_MAX)
            if found:
                await queries.renew_worker(conn, worker_id, self._round_seconds)
        for abandoned in found:
            async with self._database.across() as conn:
                await queries.renew_worker(conn, worker_id, self._round_seconds)
            await self._end_one(abandoned, worker_id)
        if found:
            async with self._database.across() as conn:
                await queries.delete_worker(conn, worker_id)

    @property
    def _round_seconds(self) -> float:
        return self._lease_seconds + self._commit_retry_seconds

    async def _end_one(self, abandoned: Abandoned, worker_id: UUID) -> None:
        """One that cannot be ended holds up no other; it is tried again in a later round."""
        project, response_id = abandoned.project_id, abandoned.response_id
        try:
            await self._end(project, response_id, worker_id)
        except ConversationNotFound:
            await self._drop(project, response_id, worker_id)  # it goes with what it was said in
        except LeaseLost:
            log.info("response.ended_by_another", response=str(response_id))
        except Exception as error:
            if isinstance(error, Unavailable) and not isinstance(error, StatementTimeout):
                raise
            log.exception("response.not_ended", response=str(response_id))
            if datetime.now(UTC) - created_at(response_id) > GIVEN_UP_AFTER:
                await self._drop(project, response_id, worker_id)

    async def _drop(self, project: ProjectId, response_id: ResponseId, worker_id: UUID) -> None:
        async with self._database.tenant(project) as conn:
            await queries.delete_running(conn, project, response_id, worker_id)

    async def _end(self, project: ProjectId, response_id: ResponseId, worker_id: UUID) -> None:
        async with self._database.tenant(project) as conn:
            running = await queries.get_running(conn, project, response_id)
            segments = await queries.list_segments(conn, project, response_id, 0)
            stored = await queries.get_response(conn, project, response_id)
        if stored:  # its row was written late, by a worker that had not heard of its success
            await self._drop(project, response_id, worker_id)
        elif running:
            turn = self._turn(running, segments, worker_id)
            await commit(self._database, turn, retry_seconds=self._commit_retry_seconds)
            log.warning("response.ended_for_lost_worker", response=str(response_id))

    def _turn(
        self, running: RunningResponse, segments: list[Segment], worker_id: UUID
    ) -> FinishedTurn:
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
            worker_id=worker_id,
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
    tasks = [
        asyncio.create_task(custodian.renew_forever()),
        asyncio.create_task(custodian.end_forever()),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await custodian.leave()
        except Unavailable:
            log.warning("worker.lease_left", why="The database is away: it ends by itself.")
