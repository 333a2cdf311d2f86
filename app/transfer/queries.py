"""Typed access to queries.sql."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from app.db.sql import Connection, load
from app.ids import MemoryId, ProjectId, UserId
from app.memory.types import StoredVersion
from app.transfer.types import FoundFact, FoundReading, FoundVector, Notes, Stamp, StoredVector

_sql = load(__file__)
_find_last_of_user = _sql.statement("find_last_of_user")
_find_last_of_everyone = _sql.statement("find_last_of_everyone")
_list_of_user = _sql.statement("list_of_user")
_list_of_everyone = _sql.statement("list_of_everyone")
_list_vectors = _sql.rows("list_vectors", FoundVector)
_list_versions = _sql.rows("list_versions", StoredVersion)
_list_facts = _sql.rows("list_facts", FoundFact)
_list_readings = _sql.rows("list_readings", FoundReading)
_insert_notes = _sql.statement("insert_notes")
_list_by_external_ids = _sql.statement("list_by_external_ids")
_stamp_memories = _sql.statement("stamp_memories")
_insert_versions = _sql.statement("insert_versions")
_insert_vectors = _sql.statement("insert_vectors")
_refresh_statistics = _sql.statement("refresh_statistics")

Owned = tuple[MemoryId, UserId]


async def find_last(
    conn: Connection, project: ProjectId, user: UserId | None, above: MemoryId
) -> MemoryId:
    """That id itself where there is none. `user` None is everyone."""
    values = {"project": project, "above": above}
    if user is None:
        return await _find_last_of_everyone.value(conn, **values) or above
    return await _find_last_of_user.value(conn, **values, user_id=user) or above


async def list_page(
    conn: Connection,
    project: ProjectId,
    user: UserId | None,
    above: MemoryId,
    last: MemoryId,
    most: int,
) -> list[MemoryId]:
    """`user` None is everyone."""
    values = {"project": project, "above": above, "last": last, "most": most}
    if user is None:
        return await _list_of_everyone.values(conn, **values)
    return await _list_of_user.values(conn, **values, user_id=user)


async def list_vectors(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[FoundVector]:
    return await _list_vectors.all(conn, project=project, memory_ids=ids)


async def list_versions(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[StoredVersion]:
    return await _list_versions.all(conn, project=project, memory_ids=ids)


async def list_facts(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> dict[MemoryId, FoundFact]:
    found = await _list_facts.all(conn, project=project, memory_ids=ids)
    return {fact.memory_id: fact for fact in found}


async def list_readings(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> dict[MemoryId, int]:
    """The version of each that was read."""
    found = await _list_readings.all(conn, project=project, memory_ids=ids)
    return {reading.memory_id: reading.version for reading in found}


async def list_by_external_ids(
    conn: Connection, project: ProjectId, keys: Sequence[tuple[UserId, str]]
) -> list[MemoryId]:
    return await _list_by_external_ids.values(
        conn,
        project=project,
        users=[user for user, _ in keys],
        external_ids=[external_id for _, external_id in keys],
    )


async def stamp_memories(
    conn: Connection, project: ProjectId, stamps: Mapping[Owned, Stamp]
) -> None:
    await _stamp_memories.run(
        conn,
        project=project,
        memory_ids=[memory_id for memory_id, _ in stamps],
        users=[user for _, user in stamps],
        created_ats=[stamp.created_at for stamp in stamps.values()],
        versions=[stamp.version for stamp in stamps.values()],
        superseded_ats=[stamp.superseded_at for stamp in stamps.values()],
        superseded_bys=[stamp.superseded_by for stamp in stamps.values()],
    )


async def insert_notes(conn: Connection, project: ProjectId, notes: Mapping[Owned, Notes]) -> None:
    await _insert_notes.run(
        conn,
        project=project,
        memory_ids=[memory_id for memory_id, _ in notes],
        users=[user for _, user in notes],
        uses=[one.uses for one in notes.values()],
        used_ats=[one.used_at for one in notes.values()],
        kept_ats=[one.kept_at for one in notes.values()],
        read_versions=[one.read_version for one in notes.values()],
    )


async def insert_versions(
    conn: Connection, project: ProjectId, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Rows by the names of the columns."""
    await _insert_versions.run(conn, project=project, rows=msgspec.Raw(msgspec.json.encode(rows)))


async def insert_vectors(
    conn: Connection,
    project: ProjectId,
    model_id: int,
    vectors: Sequence[tuple[Owned, StoredVector]],
) -> None:
    await _insert_vectors.run(
        conn,
        project=project,
        model_id=model_id,
        users=[user for (_, user), _ in vectors],
        memory_ids=[memory_id for (memory_id, _), _ in vectors],
        parts=[vector.part for _, vector in vectors],
        made_ofs=[vector.made_of for _, vector in vectors],
        embeddings=[vector.embedding for _, vector in vectors],
    )


async def refresh_statistics(conn: Connection) -> None:
    await _refresh_statistics.value(conn)
