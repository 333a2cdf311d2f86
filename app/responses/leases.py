"""Responses that other workers can see while they are made here.

One that runs on in the background, or still runs after a while, gets a row, and its events are
written beside it in segments: any worker can follow it, ask for its end, or end it where this
worker dies. All of a worker's are written together, a few times a second.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import groupby
from uuid import UUID

import msgspec
import structlog

from app.blobs.store import keep_ahead
from app.config import Config
from app.db.database import Database
from app.db.signals import Signals, send, wait
from app.db.sql import Connection
from app.errors import Unavailable
from app.ids import ProjectId, ResponseId, new_id
from app.responses import queries
from app.responses.commit import TurnPlan
from app.responses.log import pack
from app.responses.run import Run
from app.responses.types import NewSegment, RunningResponse
from app.web.idempotency import Claim

log = structlog.get_logger()


class Leased:
    """A stored response being made here: what of it is written, and where it stands."""

    def __init__(self, run: Run, plan: TurnPlan) -> None:
        self.run = run
        self.plan = plan
        self.begun = asyncio.get_running_loop().time()
        self.tried = False
        """It may have a row: the database can go away at the wrong moment."""
        self.visible = False
        self.closed = False
        self._segments = 0
        self._written = self._until = 0
        """Frames: those that are written, and those with the segment that is being written."""

    @property
    def project(self) -> ProjectId:
        return self.plan.caller.project

    def row(self, worker_id: UUID) -> RunningResponse:
        return RunningResponse(
            response_id=self.plan.response_id,
            user_id=self.plan.context.user,
            worker_id=worker_id,
            resource=msgspec.Raw(msgspec.json.encode(self.run.as_begun)),
            plan=self.plan.packed(),
        )

    def next_segment(self) -> NewSegment | None:
        """The same again where the answer to its writing was lost: some have read it already."""
        if self._until == self._written:
            self._until = len(self.run.log.entries)
        frames = self.run.log.entries[self._written : self._until]
        if not frames:
            return None
        return NewSegment(self.plan.response_id, self._segments, pack(frames))

    def segment_written(self) -> None:
        if self._until > self._written:
            self._segments += 1
            self._written = self._until


class Leases:
    def __init__(self, database: Database, signals: Signals, config: Config) -> None:
        self.worker_id = new_id()
        self._database = database
        self._signals = signals
        self._after_seconds = config.running_visible_after_seconds
        self._every_seconds = config.segment_seconds
        self._leased: dict[ResponseId, Leased] = {}
        self._abandoned: dict[ResponseId, ProjectId] = {}
        self._writing = asyncio.Lock()

    async def open(self, run: Run, plan: TurnPlan, claim: Claim | None) -> None:
        """Durable when this returns, as the answer to its idempotency key too. Where it raises it
        may be durable all the same: then it is ended like what a dead worker left."""
        leased = Leased(run, plan)
        try:
            async with self._database.tenant(leased.project) as conn:
                await self._insert(conn, leased.project, [leased])
                if claim:
                    await queries.answer_claim(conn, claim, plan.response_id)
        except BaseException:
            self._abandoned[plan.response_id] = leased.project
            raise
        leased.tried = leased.visible = True
        self._leased[plan.response_id] = leased

    def watch(self, run: Run, plan: TurnPlan) -> None:
        """Opened by itself if it is still being made after a while."""
        self._leased.setdefault(plan.response_id, Leased(run, plan))

    async def close(self, response_id: ResponseId) -> bool:
        """Writes nothing more of it. Whether it has a row, for the commit to take away."""
        leased = self._leased[response_id]
        leased.closed = True
        if not leased.tried:
            return False
        async with self._writing:  # what was begun to be written is there now, or is not
            return leased.visible

    def leave(self, response_id: ResponseId, *, stored: bool) -> None:
        """One that could not be stored is ended by whoever comes first, from what is written; so
        is a row that nobody knows of, since the database went away."""
        leased = self._leased.pop(response_id)
        if leased.tried and not (stored and leased.visible):
            self._abandoned[response_id] = leased.project

    async def write_forever(self) -> None:
        """A request to cancel is heard at once where signals are, else at the next writing."""
        async with self._signals.about(self.worker_id) as changed:
            while True:
                await wait(changed, self._every_seconds)
                try:
                    await self._write_all()
                except Unavailable:
                    log.warning("leases.not_written", why="The database is away.")
                except Exception:
                    log.exception("leases.not_written")

    async def _write_all(self) -> None:
        async with self._writing:
            await self._let_go()
            due = self._due()
            for one in due:  # before anything is waited for: who closes one now waits for us
                one.tried = True
            for project, leased in _by_project(due):
                await self._try_to_write(project, leased)

    async def _try_to_write(self, project: ProjectId, leased: list[Leased]) -> None:
        """One project's trouble holds up no other."""
        try:
            await self._write(project, leased)
        except Unavailable:
            raise
        except Exception:
            log.exception("leases.not_written", project=str(project))

    async def _let_go(self) -> None:
        for response_id, project in list(self._abandoned.items()):
            async with self._database.tenant(project) as conn:
                await queries.abandon_running(conn, project, response_id, self.worker_id)
            del self._abandoned[response_id]

    def _due(self) -> list[Leased]:
        late = asyncio.get_running_loop().time() - self._after_seconds
        return [
            one
            for one in self._leased.values()
            if not one.closed and (one.visible or one.begun < late)
        ]

    async def _write(self, project: ProjectId, leased: list[Leased]) -> None:
        segments = [segment for one in leased if (segment := one.next_segment())]
        async with self._database.tenant(project) as conn:
            if new := [one for one in leased if not one.visible]:
                await self._insert(conn, project, new)
            ids = [one.plan.response_id for one in leased]
            kept = await queries.list_leases(conn, project, self.worker_id, ids)
            ours = {lease.response_id for lease in kept}
            segments = [segment for segment in segments if segment.response_id in ours]
            await self._write_segments(conn, project, segments)
        for one in leased:
            one.visible = True
            one.segment_written()
        self._end({lease.response_id for lease in kept if lease.cancelled} | (set(ids) - ours))

    async def _insert(self, conn: Connection, project: ProjectId, new: list[Leased]) -> None:
        """With the images that they bring: a worker that takes one over has only the rows."""
        await queries.insert_running(conn, project, [one.row(self.worker_id) for one in new])
        for one in new:
            bodies = [item.content.body for item in one.plan.inputs]
            await keep_ahead(conn, project, one.plan.context.user, bodies, one.plan.images)

    async def _write_segments(
        self, conn: Connection, project: ProjectId, segments: list[NewSegment]
    ) -> None:
        if not segments:
            return
        await queries.insert_segments(conn, project, self.worker_id, segments)
        for segment in segments:
            await send(conn, segment.response_id)

    def _end(self, response_ids: set[ResponseId]) -> None:
        """Those that are to be cancelled, and those that another worker has taken over."""
        for response_id in response_ids:
            if one := self._leased.get(response_id):
                one.run.cancel()


def _by_project(leased: Iterable[Leased]) -> list[tuple[ProjectId, list[Leased]]]:
    ordered = sorted(leased, key=lambda one: one.project)
    return [(key, list(group)) for key, group in groupby(ordered, lambda one: one.project)]


@asynccontextmanager
async def open_leases(
    database: Database, signals: Signals, config: Config
) -> AsyncIterator[Leases]:
    leases = Leases(database, signals, config)
    task = asyncio.create_task(leases.write_forever())
    try:
        yield leases
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
