"""Storing memories that come from elsewhere: each once, under its own id where that is free.

What is stored already stays as it is. An id that another user of the project has is not told to be
taken: the memory gets one that is made from it, the same each time. A user's session, which could
look whether it is there, gets such ids for all that is new to the user.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import stamina

from app.db.crossed import ATTEMPTS, CROSSED
from app.db.database import Database
from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId, id_text
from app.memory.bodies import conversation_id, memory_id
from app.memory.read import read_memories
from app.memory.remember import differs, remember_new
from app.memory.restore import ask_for_other_vectors, ensure_model, hold_scopes
from app.memory.types import NewMemory, SourceKey, StoredMemory
from app.transfer import queries
from app.transfer.derived import id_beside
from app.transfer.types import Incoming, Model, Notes, Version

Key = tuple[UserId, str]
Fate = Literal["imported", "unchanged", "differs", "expired"]
"""`differs`: under its id something else is stored. `expired`: it has run out already."""


class Overtaken(Exception):
    """Somebody stored another memory under an id that was free when we looked."""


again_if_overtaken = stamina.retry(on=(*CROSSED, Overtaken), attempts=ATTEMPTS, wait_initial=0.05)


@again_if_overtaken
async def store(
    database: Database,
    project: ProjectId,
    batch: Sequence[Incoming],
    model: Model | None,
    *,
    in_session: bool,
) -> list[Fate]:
    """In one transaction; what became of each. After it, wake the topic `embed_memories`."""
    async with database.tenant(project) as conn:
        await hold_scopes(conn, project, list({one.memory.user_id for one in batch}))
        named = {name for one in batch for name in _ids_named(one)}
        known = Known(await read_memories(conn, project, list(named)), in_session=in_session)
        fates, new = known.sort(batch)
        if new:
            late = await _insert(conn, project, new, model)
            await _compare(conn, project, batch, late, fates)
    return fates


async def _insert(
    conn: Connection, project: ProjectId, new: Sequence[Incoming], model: Model | None
) -> set[Key]:
    """The external ids that were there before. Their index tells: to look each up beforehand would
    cost more than to store it, and as long as the table has no statistics, far more."""
    memories = [one.memory for one in new]
    embedded = {one.memory.memory_id for one in new if one.is_embedded}
    stored = await remember_new(conn, project, memories, embedded=embedded)
    await _add_what_was(
        conn, project, [one for one in new if one.memory.memory_id in stored], model
    )
    late = {_key(memory) for memory in memories if memory.memory_id not in stored}
    if None in late:
        raise Overtaken
    return {key for key in late if key}


async def _compare(
    conn: Connection,
    project: ProjectId,
    batch: Sequence[Incoming],
    late: set[Key],
    fates: list[Fate],
) -> None:
    """What becomes of those that are stored under their external ids."""
    if not late:
        return
    ids = await queries.list_by_external_ids(conn, project, list(late))
    stored = {_key(found): found for found in (await read_memories(conn, project, ids)).values()}
    for place, one in enumerate(batch):
        if found := stored.get(_key(one.memory)):
            fates[place] = _fate_of(one, found)


async def refresh_statistics(database: Database) -> None:
    """After much was stored, so that what is stored next is looked up by the right index."""
    async with database.across() as conn:
        await queries.refresh_statistics(conn)


def _ids_named(one: Incoming) -> Iterable[MemoryId]:
    if one.named:
        yield one.memory.memory_id
        yield _own(one.memory.memory_id, one.memory.user_id)
    if one.stamp and one.stamp.superseded_by:
        yield one.stamp.superseded_by
    for source in one.memory.sources:
        if source.type == "memory":
            yield MemoryId(source.id)
    for version in one.versions:
        if version.superseded_by and (by := memory_id(version.superseded_by)):
            yield by


def _own(taken: MemoryId, user: UserId) -> MemoryId:
    """The id that a memory of this user has where another user has its id, or could."""
    return MemoryId(id_beside(taken, taken.hex, user.hex))


def _key(memory: NewMemory | StoredMemory) -> Key | None:
    return None if memory.external_id is None else (memory.user_id, memory.external_id)


class Known:
    """What is stored, and what of this batch is about to be."""

    def __init__(self, stored: dict[MemoryId, StoredMemory], *, in_session: bool) -> None:
        self._in_session = in_session
        self._by_id: dict[MemoryId, StoredMemory | NewMemory] = dict(stored)
        self._by_key: dict[Key, StoredMemory | NewMemory] = {
            key: memory for memory in stored.values() if (key := _key(memory))
        }

    def sort(self, batch: Sequence[Incoming]) -> tuple[list[Fate], list[Incoming]]:
        """What becomes of each, and those that are new, under the ids that they get."""
        fates: list[Fate] = []
        new = []
        for one in batch:
            fates.append(self._fate(one))
            if fates[-1] == "imported":
                new.append(self._take(one))
        return fates, new

    def _fate(self, one: Incoming) -> Fate:
        found = self._find(one)
        if found is not None:
            return _fate_of(one, found)
        expires_at = one.memory.expires_at
        return "expired" if expires_at and expires_at <= datetime.now(UTC) else "imported"

    def _find(self, one: Incoming) -> StoredMemory | NewMemory | None:
        user = one.memory.user_id
        if one.named:
            for name in (one.memory.memory_id, _own(one.memory.memory_id, user)):
                found = self._by_id.get(name)
                if found and found.user_id == user:
                    return found
        key = _key(one.memory)
        return self._by_key.get(key) if key else None

    def _take(self, one: Incoming) -> Incoming:
        user = one.memory.user_id
        memory = msgspec.structs.replace(
            one.memory,
            memory_id=self._here(one.memory.memory_id, user),
            sources=tuple(self._source(source, user) for source in one.memory.sources),
        )
        self._by_id[memory.memory_id] = memory
        if key := _key(memory):
            self._by_key[key] = memory
        stamp = one.stamp
        if stamp and stamp.superseded_by:
            by = self._here(stamp.superseded_by, user)
            stamp = msgspec.structs.replace(stamp, superseded_by=by)
        versions = tuple(self._version(version, user) for version in one.versions)
        return msgspec.structs.replace(one, memory=memory, stamp=stamp, versions=versions)

    def _here(self, name: MemoryId, user: UserId) -> MemoryId:
        found = self._by_id.get(name)
        kept = not self._in_session if found is None else found.user_id == user
        return name if kept else _own(name, user)

    def _source(self, source: SourceKey, user: UserId) -> SourceKey:
        if source.type != "memory":
            return source
        return SourceKey("memory", self._here(MemoryId(source.id), user))

    def _version(self, version: Version, user: UserId) -> Version:
        by = memory_id(version.superseded_by) if version.superseded_by else None
        here = id_text("mem", self._here(by, user)) if by else None
        return msgspec.structs.replace(version, superseded_by=here)


def _fate_of(one: Incoming, found: StoredMemory | NewMemory) -> Fate:
    """A line that leaves its time out does not contradict the one that is stored."""
    if one.timed and one.memory.occurred_at != found.occurred_at:
        return "differs"
    return "differs" if differs(one.memory, found) else "unchanged"


async def _add_what_was(
    conn: Connection, project: ProjectId, new: Sequence[Incoming], model: Model | None
) -> None:
    if stamps := {_owned(one): one.stamp for one in new if one.stamp}:
        await queries.stamp_memories(conn, project, stamps)
    if notes := {_owned(one): one.notes for one in new if one.notes != Notes()}:
        await queries.insert_notes(conn, project, notes)
    if rows := [_row(one.memory, version) for one in new for version in one.versions]:
        await queries.insert_versions(conn, project, rows)
    vectors = [(_owned(one), vector) for one in new for vector in one.vectors]
    if vectors and model:
        model_id = await ensure_model(conn, model.name, model.dimensions)
        await queries.insert_vectors(conn, project, model_id, vectors)
        await ask_for_other_vectors(conn, project)


def _owned(one: Incoming) -> queries.Owned:
    return one.memory.memory_id, one.memory.user_id


def _row(memory: NewMemory, version: Version) -> dict[str, Any]:
    values = msgspec.structs.asdict(version)
    conversation, by = values.pop("conversation"), version.superseded_by
    return {
        **values,
        "memory_id": memory.memory_id,
        "user_id": memory.user_id,
        "conversation_id": conversation_id(conversation),
        "superseded_by": memory_id(by) if by else None,
    }
