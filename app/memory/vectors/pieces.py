"""Texts on their way to become vectors: embedded by the piece, and stored where they still hold."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np

from app.db.database import Database
from app.db.sql import Connection
from app.embeddings.types import Embedder, Vectors
from app.errors import EmbeddingFailed
from app.ids import ProjectId
from app.memory.vectors import queries
from app.memory.vectors.passages import PASSAGES_MAX
from app.memory.vectors.types import Part

PIECE_TEXTS_MAX = PASSAGES_MAX


class Wanted(NamedTuple):
    """The texts of one memory that have no vectors yet; they get them together."""

    project: ProjectId
    parts: list[Part]


def pieces_of(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    piece: list[Wanted] = []
    for one in wanted:
        if piece and sum(len(held.parts) for held in piece) + len(one.parts) > PIECE_TEXTS_MAX:
            yield piece
            piece = []
        piece.append(one)
    if piece:
        yield piece


async def embed_piece(
    database: Database, embedder: Embedder, piece: list[Wanted]
) -> EmbeddingFailed | None:
    """A text that cannot be embedded does not hold up the others; gives why it failed."""
    texts = [part.text for wanted in piece for part in wanted.parts]
    try:
        vectors = await embedder.embed(texts, "document")
    except EmbeddingFailed as error:
        if len(piece) == 1:
            return error
        failures = [await embed_piece(database, embedder, [wanted]) for wanted in piece]
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
