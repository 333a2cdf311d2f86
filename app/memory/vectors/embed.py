"""From the outbox: the vectors of memories, in batches of the embedder's document lane.

A text has a vector for each of its passages, and a short one that stands in a stretch one more for
its window. Vectors are written piece by piece, and what has one is not embedded again: after a
failure, or by the next who takes an overrun lease, the work goes on where it stood.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from uuid import UUID

import structlog

from app.db.database import Database
from app.embeddings.types import Embedder, EmbeddingModels
from app.errors import EmbeddingFailed, Unavailable
from app.ids import MemoryId, ProjectId
from app.jobs.outbox import done
from app.jobs.types import Handler, Job
from app.memory.vectors.pieces import Wanted, embed_piece, pieces_of
from app.memory.vectors.reembed import ask_reembedding
from app.memory.vectors.wanted import read_wanted

JOBS_MAX = 4
"""Jobs at a time, each of `PASSAGES_MAX` passages at most: a lease has to outlast them."""

log = structlog.get_logger()


def embed_handler(database: Database, models: EmbeddingModels) -> Handler:
    """By the model in use; and by one that is filled in, as far as it is there: it catches up."""

    async def handle(jobs: Sequence[Job]) -> None:
        groups = _by_project(jobs)
        in_use, *filling = models.all()
        await _embed_all(database, in_use, groups)
        late = [one.model for one in filling if not await _filled_in(database, one, groups)]
        for project, group in groups:
            async with database.tenant(project) as conn:
                await ask_reembedding(conn, project, [*models.absent, *late])
                for job in group:
                    await done(conn, job)

    return handle


async def _embed_all(
    database: Database, embedder: Embedder, groups: list[tuple[ProjectId, list[Job]]]
) -> None:
    """What others remembered beside ours, while we embedded, saw us without vectors and left our
    windows to us; what they remember from now on sees ours, and makes them itself."""
    for _ in range(2):
        await _embed_missing(database, embedder, groups)


async def _filled_in(
    database: Database, embedder: Embedder, groups: list[tuple[ProjectId, list[Job]]]
) -> bool:
    """What the model cannot embed does not hold it up: it is found by words."""
    try:
        await _embed_all(database, embedder, groups)
    except Unavailable:
        return False
    except EmbeddingFailed as error:
        log.warning("reembed.left_out", model=embedder.model, why=error.message)
    return True


def _by_project(jobs: Sequence[Job]) -> list[tuple[ProjectId, list[Job]]]:
    ordered = sorted(jobs, key=lambda job: (job.project_id, job.outbox_id))
    return [(key, list(group)) for key, group in groupby(ordered, lambda job: job.project_id)]


async def _embed_missing(
    database: Database, embedder: Embedder, groups: list[tuple[ProjectId, list[Job]]]
) -> None:
    """Raises EmbeddingFailed, when all else is done."""
    wanted = [
        found
        for project, jobs in groups
        for found in await _read(database, embedder, project, jobs)
    ]
    failed: EmbeddingFailed | None = None
    for piece in pieces_of(wanted):
        failed = await embed_piece(database, embedder, piece) or failed
    if failed:
        raise failed


async def _read(
    database: Database, embedder: Embedder, project: ProjectId, jobs: list[Job]
) -> Iterable[Wanted]:
    """What was deleted meanwhile is not there to be read, and needs no vector."""
    ids = [MemoryId(UUID(hex=text)) for job in jobs for text in job.payload["memories"]]
    async with database.tenant(project) as conn:
        found = await read_wanted(conn, project, ids, embedder.model)
    return [Wanted(project, parts) for parts in found]
