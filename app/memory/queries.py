"""Typed access to queries.sql."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.db.sql import Connection, load
from app.ids import ConversationId, MemoryId, ProjectId, UserId
from app.memory.types import (
    LOWEST_ID,
    UNREAD_SPEAKERS,
    Kind,
    MemoryFilter,
    NewMemory,
    Quality,
    Retention,
    RunOut,
    SourceType,
    SpokenLanguage,
    Standing,
    StandingMemory,
    StoredMemory,
    StoredVersion,
    Summarised,
    Support,
    ToEmbed,
    Told,
    Unindexed,
    Unread,
    Why,
)


class Gone(msgspec.Struct, frozen=True):
    memories: int
    facts: int
    summaries: int
    versions: int


_sql = load(__file__)
_insert_memories = _sql.statement("insert_memories")
_insert_facts = _sql.statement("insert_facts")
_lock_scopes = _sql.statement("lock_scopes")
_lock_scopes_of = _sql.statement("lock_scopes_of")
_lock_by_external_ids = _sql.rows("lock_memories_by_external_ids", StoredMemory)
_lock_memory = _sql.rows("lock_memory", StoredMemory)
_keep_versions = _sql.statement("keep_versions")
_list_versions = _sql.rows("list_versions", StoredVersion)
_update_memories = _sql.statement("update_memories")
_index_memories = _sql.statement("index_memories")
_unindex_memories = _sql.rows("unindex_memories", Unindexed)
_delete_postings_by_search = _sql.statement("delete_postings_by_search")
_delete_cache_entries_of = _sql.statement("delete_cache_entries_of")
_delete_windows_beside = _sql.rows("delete_windows_beside", ToEmbed)
_get_memories = _sql.rows("get_memories", StoredMemory)
_list_current = _sql.statement("list_current")
_list_standing = _sql.rows("list_standing", StandingMemory)
_newest_first = _sql.statement("list_newest_first")
_oldest_first = _sql.statement("list_oldest_first")
_everyones_newest_first = _sql.statement("list_everyones_newest_first")
_everyones_oldest_first = _sql.statement("list_everyones_oldest_first")
_list_said = _sql.statement("list_said")
_list_told = _sql.rows("list_told", Told)
_insert_marks = _sql.statement("insert_marks")
_find_marks = _sql.statement("find_marks")
_count_uses = _sql.statement("count_uses")
_list_expired = _sql.rows("list_expired", RunOut)
_list_retentions = _sql.rows("list_retentions", Retention)
_list_still_expired = _sql.statement("list_still_expired")
_list_outdated = _sql.statement("list_outdated")
_list_outdated_of = _sql.statement("list_outdated_of")
_list_owners = _sql.statement("list_owners")
_count_quality = _sql.rows("count_quality", Quality)
_list_by_sources = _sql.statement("list_by_sources")
_lock_memories = _sql.statement("lock_memories")
_list_support = _sql.rows("list_support", Support)
_list_summarised = _sql.rows("list_summarised", Summarised)
_list_superseded = _sql.statement("list_superseded")
_restore_superseded = _sql.rows("restore_superseded", ToEmbed)
_delete_memories = _sql.rows("delete_memories", Gone)
_delete_scope = _sql.statement("delete_scope")
_list_languages = _sql.rows("list_languages", SpokenLanguage)

_pass_on_superseded = _sql.statement("pass_on_superseded")
_keep_restored = _sql.statement("keep_restored")
_mark_for_reading = _sql.rows("mark_for_reading", Unread)
_list_unread = _sql.statement("list_unread")

VERSION_MAX = 2**31 - 1
HIGHEST_ID = MemoryId(UUID(int=2**128 - 1))

_INSERTED = [
    name for name in NewMemory.__struct_fields__ if name not in ("told", "sources", "fact")
]


async def insert_memories(
    conn: Connection, project: ProjectId, memories: Sequence[NewMemory]
) -> set[MemoryId]:
    """The ids of those that were not known yet."""
    sources = [(memory.memory_id, source) for memory in memories for source in memory.sources]
    found = await _insert_memories.values(
        conn,
        project=project,
        **_columns(memories),
        source_owners=[owner for owner, _ in sources],
        source_types=[source.type for _, source in sources],
        source_ids=[source.id for _, source in sources],
    )
    return set(found)


async def insert_facts(conn: Connection, project: ProjectId, memories: Sequence[NewMemory]) -> None:
    facts = [(memory, memory.fact) for memory in memories if memory.fact]
    await _insert_facts.run(
        conn,
        project=project,
        memory_ids=[memory.memory_id for memory, _ in facts],
        user_ids=[memory.user_id for memory, _ in facts],
        subjects=[fact.subject for _, fact in facts],
        abouts=[fact.about for _, fact in facts],
        attributes=[fact.attribute for _, fact in facts],
        values=[fact.value for _, fact in facts],
        entities=[fact.entities for _, fact in facts],
        reasons=[fact.reason for _, fact in facts],
        seens=[fact.seen for _, fact in facts],
        statement_keys=[fact.statement_key for _, fact in facts],
    )


async def lock_scopes(conn: Connection, project: ProjectId, users: Sequence[UserId]) -> None:
    await _lock_scopes.run(conn, project=project, users=users)


async def usual_languages(
    conn: Connection, project: ProjectId, users: Sequence[UserId]
) -> dict[UserId, str]:
    """In which language each user has most memories."""
    spoken = await _list_languages.all(conn, project=project, users=users)
    return {found.user_id: found.language for found in reversed(spoken)}


async def lock_scopes_of(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> None:
    await _lock_scopes_of.values(conn, project=project, memory_ids=ids)


async def lock_memories_by_external_ids(
    conn: Connection, project: ProjectId, keys: Sequence[tuple[UserId, str]]
) -> list[StoredMemory]:
    """Their sources are not read."""
    return await _lock_by_external_ids.all(
        conn,
        project=project,
        users=[user for user, _ in keys],
        external_ids=[external_id for _, external_id in keys],
    )


async def lock_memory(
    conn: Connection, project: ProjectId, memory_id: MemoryId
) -> StoredMemory | None:
    """Its sources are not read."""
    return await _lock_memory.one(conn, project=project, memory_id=memory_id)


async def keep_versions(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId], why: Why, most: int
) -> None:
    await _keep_versions.run(conn, project=project, memory_ids=ids, why=why, most=most)


async def list_versions(
    conn: Connection,
    project: ProjectId,
    memory_id: MemoryId,
    *,
    descending: bool,
    cursor: int | None,
    most: int,
) -> list[StoredVersion]:
    return await _list_versions.all(
        conn,
        project=project,
        memory_id=memory_id,
        above=cursor if cursor is not None and not descending else 0,
        below=cursor if cursor is not None and descending else VERSION_MAX,
        descending=descending,
        most=most,
    )


async def update_memories(
    conn: Connection, project: ProjectId, memories: Mapping[MemoryId, NewMemory], *, patched: bool
) -> None:
    columns = _columns(list(memories.values())) | {"memory_ids": list(memories)}
    await _update_memories.run(conn, project=project, patched=patched, **columns)


def _columns(memories: Sequence[NewMemory]) -> dict[str, list[Any]]:
    return {f"{name}s": [getattr(memory, name) for memory in memories] for name in _INSERTED}


async def index_memories(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> None:
    await _index_memories.run(conn, project=project, memory_ids=ids)


async def unindex_memories(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> Unindexed:
    """Locks the rows."""
    found = await _unindex_memories.one(conn, project=project, memory_ids=ids)
    assert found is not None
    return found


async def delete_postings_by_search(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> int:
    return await _delete_postings_by_search.run(conn, project=project, memory_ids=ids)


async def delete_cache_entries_of(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> int:
    return await _delete_cache_entries_of.run(conn, project=project, memory_ids=ids)


async def delete_windows_beside(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[ToEmbed]:
    return await _delete_windows_beside.all(conn, project=project, memory_ids=ids)


async def get_memories(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> dict[MemoryId, StoredMemory]:
    found = await _get_memories.all(conn, project=project, memory_ids=ids)
    return {memory.memory_id: memory for memory in found}


async def list_current(
    conn: Connection, project: ProjectId, user: UserId, kind: Kind, most: int
) -> list[MemoryId]:
    return await _list_current.values(conn, project=project, user_id=user, kind=kind, most=most)


async def list_standing(
    conn: Connection, project: ProjectId, user: UserId, standing: Standing, most: int
) -> list[StandingMemory]:
    """The newest first."""
    return await _list_standing.all(
        conn, project=project, user_id=user, standing=standing, most=most
    )


async def list_memories(
    conn: Connection,
    project: ProjectId,
    only: MemoryFilter,
    *,
    descending: bool,
    cursor: MemoryId | None,
    most: int,
) -> list[MemoryId]:
    values: dict[str, Any] = {
        "project": project,
        "above": cursor if cursor and not descending else LOWEST_ID,
        "below": cursor if cursor and descending else HIGHEST_ID,
        "conversation": only.conversation,
        "kind": only.kind,
        "episode": only.episode,
        "expired": only.expired,
        "going_before": only.going_before,
        "outdated": only.outdated,
        "most": most,
    }
    if only.user_id is None:
        query = _everyones_newest_first if descending else _everyones_oldest_first
        return await query.values(conn, **values)
    query = _newest_first if descending else _oldest_first
    return await query.values(conn, **values, user_id=only.user_id)


async def list_said(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> list[str]:
    return await _list_said.values(conn, project=project, memory_ids=ids)


async def list_told(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> list[Told]:
    return await _list_told.all(conn, project=project, memory_ids=ids)


async def insert_marks(conn: Connection, project: ProjectId, marks: Sequence[bytes]) -> None:
    await _insert_marks.run(conn, project=project, marks=marks)


async def find_marks(conn: Connection, project: ProjectId, marks: Sequence[bytes]) -> set[bytes]:
    return set(await _find_marks.values(conn, project=project, marks=marks))


async def list_by_sources(
    conn: Connection, project: ProjectId, source_type: SourceType, source_ids: Sequence[UUID]
) -> list[MemoryId]:
    return await _list_by_sources.values(
        conn, project=project, source_type=source_type, source_ids=source_ids
    )


async def lock_memories(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> None:
    await _lock_memories.run(conn, project=project, memory_ids=ids)


async def list_support(
    conn: Connection, project: ProjectId, derived: Sequence[MemoryId], gone: Sequence[MemoryId]
) -> list[Support]:
    """What these came from, but for what is gone with them."""
    return await _list_support.all(conn, project=project, derived=derived, gone=gone)


async def list_summarised(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[Summarised]:
    return await _list_summarised.all(conn, project=project, memory_ids=ids)


async def list_superseded(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[MemoryId]:
    return await _list_superseded.values(conn, project=project, memory_ids=ids)


async def restore_superseded(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[ToEmbed]:
    return await _restore_superseded.all(conn, project=project, memory_ids=ids)


async def delete_memories(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> Gone:
    found = await _delete_memories.one(conn, project=project, memory_ids=ids)
    assert found is not None
    return found


async def delete_scope(conn: Connection, project: ProjectId, user: UserId) -> None:
    await _delete_scope.run(conn, project=project, user_id=user)


async def count_uses(conn: Connection, project: ProjectId, uses: Mapping[MemoryId, int]) -> None:
    await _count_uses.run(conn, project=project, memory_ids=list(uses), counts=list(uses.values()))


async def list_expired(conn: Connection, most: int, but: Collection[ProjectId]) -> list[RunOut]:
    return await _list_expired.all(conn, most=most, but=list(but))


async def list_retentions(conn: Connection) -> list[Retention]:
    return await _list_retentions.all(conn)


async def list_still_expired(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[MemoryId]:
    return await _list_still_expired.values(conn, project=project, memory_ids=ids)


async def list_outdated(
    conn: Connection, project: ProjectId, below: MemoryId, but: Sequence[UserId], most: int
) -> list[MemoryId]:
    return await _list_outdated.values(conn, project=project, below=below, but=but, most=most)


async def list_outdated_of(
    conn: Connection, project: ProjectId, user_id: UserId, below: MemoryId, most: int
) -> list[MemoryId]:
    values = {"project": project, "user_id": user_id, "below": below, "most": most}
    return await _list_outdated_of.values(conn, **values)


async def list_owners(conn: Connection, project: ProjectId) -> list[UserId]:
    return await _list_owners.values(conn, project=project)


async def count_quality(
    conn: Connection,
    project: ProjectId,
    users: Sequence[UserId],
    *,
    going_before: datetime,
    outdated: MemoryId,
    model: str,
    most: int,
) -> list[Quality]:
    return await _count_quality.all(
        conn,
        project=project,
        users=users,
        going_before=going_before,
        outdated=outdated,
        model=model,
        most=most,
    )


async def mark_for_reading(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> list[Unread]:
    return await _mark_for_reading.all(
        conn, project=project, memory_ids=ids, unread_speakers=UNREAD_SPEAKERS
    )


async def list_unread(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    conversation: ConversationId | None,
    most: int,
) -> list[MemoryId]:
    return await _list_unread.values(
        conn,
        project=project,
        user_id=user,
        conversation=conversation,
        unread_speakers=UNREAD_SPEAKERS,
        most=most,
    )


async def pass_on_superseded(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> None:
    await _pass_on_superseded.run(conn, project=project, memory_ids=ids)


async def keep_restored(conn: Connection, project: ProjectId, memory_id: MemoryId) -> None:
    await _keep_restored.run(conn, project=project, memory_id=memory_id)
