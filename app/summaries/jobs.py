"""From the outbox: summaries that are due, one step a job; what is left is the next job's."""

from collections.abc import Sequence
from functools import partial

import msgspec

from app.db.sql import Connection
from app.ids import PROJECT_ITSELF
from app.jobs.outbox import done, enqueue
from app.jobs.types import Handler, Job
from app.summaries.about import PROFILE, About
from app.summaries.parts import SummaryParts
from app.summaries.profile_summary import summarise_profile
from app.summaries.summarise import summarise_step, way_of
from app.summaries.types import Method
from app.usage.errands import waiting_for_engine

ATTEMPTS_MAX = 4
SPARE_SECONDS = 10.0


class Payload(msgspec.Struct):
    """`automatic` work is done once enough was said, if the setting that asks for it is on. What
    is made anew is made as it was before."""

    about: str
    automatic: bool = False
    method: Method | None = None
    model: str | None = None


def summary_handler(parts: SummaryParts) -> Handler:
    async def handle(jobs: Sequence[Job]) -> None:
        for job in jobs:
            with waiting_for_engine():
                await _summarise(parts, job)

    return handle


async def _summarise(parts: SummaryParts, job: Job) -> None:
    payload = msgspec.convert(job.payload, Payload)
    about = About(job.project_id, job.user_id, payload.about)
    ending = partial(_end, job)
    owner = None if job.user_id == PROJECT_ITSELF else job.user_id
    settings = await parts.settings.read(job.project_id, owner)
    if about.sort == PROFILE:
        method: Method = "engine" if settings.profiles == "engine" else "extract"
        way = await way_of(parts, about, job.topic, method)
        await summarise_profile(parts, about, way, ending)
        return
    tokens_min = settings.summarize_after if payload.automatic else 0
    if tokens_min is None:
        await _end_at_once(parts, job)
        return
    way = await way_of(parts, about, job.topic, payload.method, payload.model)
    await summarise_step(parts, about, way, ending, tokens_min=tokens_min)


async def _end_at_once(parts: SummaryParts, job: Job) -> None:
    async with parts.database.tenant(job.project_id) as conn:
        await done(conn, job)


async def _end(job: Job, conn: Connection, more: bool) -> None:
    if more:
        await enqueue(conn, job.project_id, job.topic, job.user_id, job.subject_id, job.payload)
    await done(conn, job)
