"""From the outbox: the vectors of a new embedding model, made beside those in use.

A row of the outbox goes through a project's memories in the order of their ids, some at a time:
its end is where the next one begins, so after a kill the work goes on where it stood. When no row
is left, the model is taken into use (app/embeddings/models.py).
"""

from collections.abc import Sequence
from uuid import UUID, uuid5

import msgspec
import structlog

from app.db.database import Database
from app.db.sql import Connection
from app.embeddings.types import Embedder, EmbeddingModels
from app.errors import EmbedderUnavailable
from app.ids import PROJECT_ITSELF, MemoryId, ProjectId
from app.jobs.outbox import done, enqueue, enqueue_once
from app.jobs.types import Handler, Job
from app.memory.types import LOWEST_ID
from app.memory.vectors import queries
from app.memory.vectors.pieces import Wanted, embed_piece, pieces_of
from app.memory.vectors.wanted import read_wanted

SLICE = 256
"""Memories looked through at a time."""

PIECES_MAX = 2
"""Pieces embedded at a time: what is left of a slice comes with the next row."""

LEASE_SECONDS = 60.0

log = structlog.get_logger()


class Reembedding(msgspec.Struct, frozen=True):
    """`after` is the last memory that has been looked at, as hex."""

    model: str
    after: str | None = None

    @property
    def cursor(self) -> MemoryId:
        return MemoryId(UUID(hex=self.after)) if self.after else LOWEST_ID


async def ask_reembedding(conn: Connection, project: ProjectId, models: Sequence[str]) -> None:
    """What they have no vectors of is to be looked for: once, however many ask."""
    for model in models:
        work = msgspec.to_builtins(Reembedding(model))
        await enqueue_once(
            conn, project, "reembed", PROJECT_ITSELF, uuid5(PROJECT_ITSELF, model), work
        )


def reembed_handler(database: Database, models: EmbeddingModels) -> Handler:
    async def handle(jobs: list[Job]) -> None:
        for job in jobs:
            asked = msgspec.convert(job.payload, Reembedding)
            if embedder := _find(models, asked.model):
                await _go_on(database, embedder, job, asked)
            else:
                await _drop(database, job)

    return handle


def _find(models: EmbeddingModels, name: str) -> Embedder | None:
    """None where nobody wants it any more. Raises EmbedderUnavailable where others have it."""
    if name in models.absent:
        raise EmbedderUnavailable(f"The embedder of {name} is not on this machine.")
    return next((embedder for embedder in models.all() if embedder.model == name), None)


async def _go_on(database: Database, embedder: Embedder, job: Job, asked: Reembedding) -> None:
    project = job.project_id
    async with database.tenant(project) as conn:
        ids = await queries.list_after(conn, project, asked.cursor, SLICE)
        found = await read_wanted(conn, project, ids, embedder.model)
    found.sort(key=lambda parts: parts[0].memory_id)
    pieces = list(pieces_of([Wanted(project, parts) for parts in found]))
    for piece in pieces[:PIECES_MAX]:
        if failed := await embed_piece(database, embedder, piece):
            log.warning("reembed.left_out", model=embedder.model, why=failed.message)
    left = [wanted.parts[0].memory_id for piece in pieces[PIECES_MAX:] for wanted in piece]
    after = _last([looked_at for looked_at in ids if not left or looked_at < left[0]] or ids)
    async with database.tenant(project) as conn:
        await done(conn, job)
        if len(pieces) > PIECES_MAX or len(ids) == SLICE:
            rest = msgspec.to_builtins(Reembedding(asked.model, after))
            await enqueue(conn, project, "reembed", PROJECT_ITSELF, job.subject_id, rest)


def _last(ids: Sequence[MemoryId]) -> str | None:
    return ids[-1].hex if ids else None


async def _drop(database: Database, job: Job) -> None:
    async with database.tenant(job.project_id) as conn:
        await done(conn, job)
