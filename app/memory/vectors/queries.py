"""Typed access to queries.sql."""

from collections.abc import Sequence

from pgvector import HalfVector

from app.db.sql import Connection, load
from app.embeddings.types import Vectors
from app.ids import MemoryId, ProjectId
from app.memory.vectors.types import Part, StoredText, StoredWindow

_sql = load(__file__)
_list_after = _sql.statement("list_after")
_list_texts = _sql.rows("list_texts", StoredText)
_list_windows = _sql.rows("list_windows", StoredWindow)
_find_model = _sql.statement("find_model")
_insert_model = _sql.statement("insert_model")
_hold_memories = _sql.statement("hold_memories")
_insert_passages = _sql.statement("insert_passages")
_insert_windows = _sql.statement("insert_windows")


async def list_after(
    conn: Connection, project: ProjectId, after: MemoryId, most: int
) -> list[MemoryId]:
    return await _list_after.values(conn, project=project, after=after, most=most)


async def list_texts(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId], model: str
) -> list[StoredText]:
    return await _list_texts.all(conn, project=project, memory_ids=ids, model=model)


async def list_windows(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId], model: str, chars_max: int
) -> list[StoredWindow]:
    return await _list_windows.all(
        conn, project=project, memory_ids=ids, model=model, chars_max=chars_max
    )


async def ensure_model(conn: Connection, name: str, dimensions: int) -> int:
    """The model's id; looked for first, since a failed insert would use up a number."""
    found = await _find_model.value(conn, name=name, dimensions=dimensions)
    if found is None:
        await _insert_model.run(conn, name=name, dimensions=dimensions)
        found = await _find_model.value(conn, name=name, dimensions=dimensions)
    return int(found)


async def hold_memories(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> None:
    await _hold_memories.run(conn, project=project, memory_ids=ids)


async def insert_passages(
    conn: Connection, project: ProjectId, model_id: int, passages: Sequence[Part], vectors: Vectors
) -> None:
    await _insert_passages.run(
        conn,
        project=project,
        model_id=model_id,
        memory_ids=[passage.memory_id for passage in passages],
        versions=[passage.version for passage in passages],
        parts=[passage.part for passage in passages],
        embeddings=[HalfVector(vector) for vector in vectors],
    )


async def insert_windows(
    conn: Connection,
    project: ProjectId,
    model_id: int,
    windows: Sequence[StoredWindow],
    vectors: Vectors,
) -> None:
    await _insert_windows.run(
        conn,
        project=project,
        model_id=model_id,
        memory_ids=[window.memory_id for window in windows],
        made_ofs=[window.made_of for window in windows],
        embeddings=[HalfVector(vector) for vector in vectors],
    )
