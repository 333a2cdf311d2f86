"""From the outbox: the vectors of new memories, in batches of the embedder's document lane."""

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

import msgspec

from app.db.database import Database
from app.embeddings.types import Embedder, Vectors
from app.ids import MemoryId, ProjectId
from app.jobs.outbox import done
from app.jobs.types import Handler, Job
from app.memory import queries
from app.memory.types import StoredText


class Share(msgspec.Struct):
    """The jobs of one project, and the texts they are about."""

    project: ProjectId
    jobs: list[Job]
    texts: list[StoredText]


def embed_handler(database: Database, embedder: Embedder) -> Handler:
    async def handle(jobs: Sequence[Job]) -> None:
        shares = [await _read(database, project, group) for project, group in _by_project(jobs)]
        texts = [text.text for share in shares for text in share.texts]
        vectors = await embedder.embed(texts, "document") if texts else None
        for share in shares:
            mine, vectors = _split(vectors, len(share.texts))
            await _write(database, embedder.model, share, mine)

    return handle


def _by_project(jobs: Sequence[Job]) -> list[tuple[ProjectId, list[Job]]]:
    ordered = sorted(jobs, key=lambda job: (job.project_id, job.outbox_id))
    return [(key, list(group)) for key, group in groupby(ordered, lambda job: job.project_id)]


async def _read(database: Database, project: ProjectId, jobs: list[Job]) -> Share:
    """What was deleted meanwhile is not there to be read, and needs no vector."""
    ids = [MemoryId(UUID(hex=text)) for job in jobs for text in job.payload["memories"]]
    async with database.tenant(project) as conn:
        return Share(project, jobs, await queries.list_texts(conn, project, ids))


def _split(vectors: Vectors | None, count: int) -> tuple[Vectors | None, Vectors | None]:
    return (None, None) if vectors is None else (vectors[:count], vectors[count:])


async def _write(database: Database, model: str, share: Share, vectors: Vectors | None) -> None:
    async with database.tenant(share.project) as conn:
        if vectors is not None and share.texts:
            model_id = await queries.ensure_model(conn, model, vectors.shape[1])
            await queries.insert_vectors(conn, share.project, model_id, share.texts, vectors)
        for job in share.jobs:
            await done(conn, job)
