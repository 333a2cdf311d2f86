"""From the outbox: the vectors of memories, in batches of the embedder's document lane.

A text has a vector for each of its passages, and a short one that stands in a stretch one more for
its window. Vectors are written piece by piece, and what has one is not embedded again: after a
failure, or by the next who takes an overrun lease, the work goes on where it stood.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

import numpy as np

from app.db.database import Database
from app.db.sql import Connection
from app.embeddings.types import Embedder, Vectors
from app.errors import EmbeddingFailed
from app.ids import MemoryId, ProjectId
from app.jobs.outbox import done
from app.jobs.types import Handler, Job
from app.memory import queries
from app.memory.passages import PASSAGES_MAX
from app.memory.types import Part
from app.memory.wanted import read_wanted

JOBS_MAX = 4
"""Jobs at a time, each of `PASSAGES_MAX` passages at most: a lease has to outlast them."""

PIECE_TEXTS_MAX = PASSAGES_MAX


class Wanted(NamedTuple):
    """The texts of one memory that have no vectors yet; they get them together."""

    project: ProjectId
    parts: list[Part]


def embed_handler(database: Database, embedder: Embedder) -> Handler:
    async def handle(jobs: Sequence[Job]) -> None:
        groups = _by_project(jobs)
        # What others remembered beside ours, while we embedded, saw us without vectors and left
        # our windows to us; what they remember from now on sees ours, and makes them itself.
        for _ in range(2):
            await _embed_missing(database, embedder, groups)
        for project, group in groups:
            async with database.tenant(project) as conn:
                for job in group:
                    await done(conn, job)

    return handle


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
    for piece in _pieces(wanted):
        failed = await _embed(database, embedder, piece) or failed
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


def _pieces(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    piece: list[Wanted] = []
    for one in wanted:
        if piece and sum(len(held.parts) for held in piece) + len(one.parts) > PIECE_TEXTS_MAX:
            yield piece
            piece = []
        piece.append(one)
    if piece:
        yield piece


async def _embed(
    database: Database, embedder: Embedder, piece: list[Wanted]
) -> EmbeddingFailed | None:
    """A text that cannot be embedded does not hold up the others; gives why it failed."""
    texts = [part.text for wanted in piece for part in wanted.parts]
    try:
        vectors = await embedder.embed(texts, "document")
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
        parts = [part for wanted in group for part in wanted.parts]
        mine, start = vectors[start : start + len(parts)], start + len(parts)
        async with database.tenant(project) as conn:
            model_id = await queries.ensure_model(conn, model, vectors.shape[1])
            await _store(conn, project, model_id, parts, mine)


async def _store(
    conn: Connection, project: ProjectId, model_id: int, parts: list[Part], vectors: Vectors
) -> None:
    """What has been changed or deleted meanwhile gets none."""
    await queries.hold_memories(conn, project, [m for part in parts for m in part.made_of])
    is_window = np.array([part.window is not None for part in parts])
    passages = [part for part in parts if part.window is None]
    await queries.insert_passages(conn, project, model_id, passages, vectors[~is_window])
    if windows := [part.window for part in parts if part.window is not None]:
        await queries.insert_windows(conn, project, model_id, windows, vectors[is_window])
