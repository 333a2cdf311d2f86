"""Forgetting at the engine, where it was asked to keep responses (native continuation)."""

from collections.abc import Sequence

import msgspec

from app.conversations import turns
from app.conversations.types import Turn
from app.db.database import Database
from app.db.sql import Connection
from app.engine.types import Engine, Secret
from app.engine_keys.keys import EngineKeys
from app.erasure import queries
from app.errors import NotFound
from app.ids import PROJECT_ITSELF, ProjectId, ResponseId
from app.jobs.outbox import done, enqueue
from app.jobs.types import Handler, Job
from app.usage.errands import waiting_for_engine


class KeptResponse(msgspec.Struct, frozen=True):
    """The payload of a job."""

    engine: str
    engine_response_id: str


async def forget_at_engine(
    conn: Connection, project: ProjectId, last: Turn, response_ids: Sequence[ResponseId]
) -> None:
    """Called before items of the path to the last turn go. A response is kept there with its
    context, so that all go that begin with the same item; what is continued then is sent whole,
    and kept anew."""
    first = await turns.first_item(conn, project, last)
    kept = await queries.delete_engine_responses(conn, project, response_ids, first)
    for copy in kept:
        payload = msgspec.to_builtins(KeptResponse(copy.engine, copy.engine_response_id))
        await enqueue(conn, project, "delete_at_engine", copy.user_id, copy.response_id, payload)


async def leave_to_project(
    conn: Connection, project: ProjectId, response_ids: Sequence[ResponseId]
) -> None:
    """The same where their user goes: the project sees to it."""
    kept = await queries.delete_engine_responses(conn, project, response_ids, None)
    for copy in kept:
        payload = msgspec.to_builtins(KeptResponse(copy.engine, copy.engine_response_id))
        await enqueue(conn, project, "delete_at_engine", PROJECT_ITSELF, None, payload)


def delete_handler(database: Database, engine: Engine, keys: EngineKeys) -> Handler:
    async def handle(jobs: list[Job]) -> None:
        for job in jobs:
            secret = await keys.read(job.project_id)
            await _delete(engine, msgspec.convert(job.payload, KeptResponse), secret)
            async with database.tenant(job.project_id) as conn:
                await done(conn, job)

    return handle


async def _delete(engine: Engine, kept: KeptResponse, secret: Secret | None) -> None:
    """Raises Unavailable while the engine is away."""
    if kept.engine != engine.address:
        raise NotFound(f"The response is kept by {kept.engine}, which is not the engine any more.")
    with waiting_for_engine():
        await engine.delete(kept.engine_response_id, secret)
