"""From the outbox: the vectors of new memories, in batches of the embedder's document lane.

Vectors are written piece by piece, and what has one is not embedded again: after a failure, or
by the next who takes an overrun lease, the work goes on where it stood.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from uuid import UUID

import msgspec

from app.db.database import Database
from app.embeddings.types import Embedder, Vectors
from app.errors import EmbeddingFailed
from app.ids import MemoryId, ProjectId
from app.jobs.outbox import done
from app.jobs.types import Handler, Job
from app.memory import queries
from app.memory.types import StoredText

JOBS_MAX = 8
"""Jobs at a time, of `EMBED_BATCH_MAX` texts at most: a lease has to outlast them."""

PIECE_TEXTS_MAX = 64


class Wanted(msgspec.Struct, frozen=True):
    """A text that has no vector yet."""

    project: ProjectId
    text: StoredText


def embed_handler(database: Database, embedder: Embedder) -> Handler:
    async def handle(jobs: Sequence[Job]) -> None:
        groups = _by_project(jobs)
        wanted = [
            text
            for project, group in groups
            for text in await _read(database, embedder.model, project, group)
        ]
        failed: EmbeddingFailed | None = None
        for piece in _pieces(wanted):
            failed = await _embed(database, embedder, piece) or failed
        if failed:
            raise failed
        for project, group in groups:
            async with database.tenant(project) as conn:
                for job in group:
                    await done(conn, job)

    return handle


def _by_project(jobs: Sequence[Job]) -> list[tuple[ProjectId, list[Job]]]:
    ordered = sorted(jobs, key=lambda job: (job.project_id, job.outbox_id))
    return [(key, list(group)) for key, group in groupby(ordered, lambda job: job.project_id)]


async def _read(
    database: Database, model: str, project: ProjectId, jobs: list[Job]
) -> Iterable[Wanted]:
    """What was deleted meanwhile is not there to be read, and needs no vector."""
    ids = [MemoryId(UUID(hex=text)) for job in jobs for text in job.payload["memories"]]
    async with database.tenant(project) as conn:
        texts = await queries.list_texts(conn, project, ids, model)
    return [Wanted(project, text) for text in texts]


def _pieces(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    for start in range(0, len(wanted), PIECE_TEXTS_MAX):
        yield wanted[start : start + PIECE_TEXTS_MAX]


async def _embed(
    database: Database, embedder: Embedder, piece: list[Wanted]
) -> EmbeddingFailed | None:
    """A text that cannot be embedded does not hold up the others; gives why it failed."""
    try:
        vectors = await embedder.embed([wanted.text.text for wanted in piece], "document")
    except EmbeddingFailed as error:
        if len(piece) == 1:
            return error
        failures = [await _embed(database, embedder, [wanted]) for wanted in piece]
        return next(filter(None, failures), None)
    await _write(database, embedder.model, piece, vectors)
    return None


async def _write(database: Database, model: str, piece: list[Wanted], vectors: Vectors) -> None:
    """A piece has the texts of a project side by side."""
    start = 0
    for project, group in groupby(piece, lambda wanted: wanted.project):
        texts = [wanted.text for wanted in group]
        mine, start = vectors[start : start + len(texts)], start + len(texts)
        async with database.tenant(project) as conn:
            model_id = await queries.ensure_model(conn, model, vectors.shape[1])
            await queries.insert_vectors(conn, project, model_id, texts, mine)
