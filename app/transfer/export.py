"""Memories on their way out: page by page, so that neither memory nor a connection is held."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import msgspec
import structlog

from app.db.database import Database
from app.db.sql import Connection
from app.errors import BackstoryError
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, MemoryId, ProjectId, id_text
from app.memory.reach import has_run_out
from app.memory.read import read_memories
from app.memory.show import shown
from app.memory.types import Memory, StoredVersion
from app.transfer import queries
from app.transfer.types import (
    ExportedMemory,
    ExportEnd,
    ExportHeader,
    FactRest,
    FoundFact,
    FoundVector,
    Vector,
    Version,
)
from app.web.errors import error_body
from app.web.principal import Caller

PAGE = 50
"""Few, since each may be large, with a hundred versions."""

BEFORE_ALL = MemoryId(PROJECT_ITSELF)

log = structlog.get_logger()
Found = TypeVar("Found", FoundVector, StoredVersion)


async def export_memories(
    database: Database, users: Users, caller: Caller, model: str, *, vectors: bool
) -> AsyncGenerator[bytes]:
    """Lines: a header, a memory each by id, and the end with their number; where something fails,
    the last line says it. What is remembered or forgotten meanwhile is not there."""
    yield _line(ExportHeader(model=model, exported_at=datetime.now(UTC)))
    above, count = BEFORE_ALL, 0
    user = None if caller.everyone else caller.owner
    try:
        async with database.tenant(caller.project) as conn:
            last = await queries.find_last(conn, caller.project, user, above)
        while True:
            async with database.tenant(caller.project) as conn:
                ids = await queries.list_page(conn, caller.project, user, above, last, PAGE)
                page = await _read(conn, users, caller.project, ids, vectors=vectors)
            if not ids:
                break
            above, count = ids[-1], count + len(page)
            yield b"".join(map(_line, page))
    except BackstoryError as error:
        log.warning("export.broken_off", error=error.code)
        yield _line(error_body(error))
        return
    yield _line(ExportEnd(memories=count))


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


async def _read(
    conn: Connection, users: Users, project: ProjectId, ids: Sequence[MemoryId], *, vectors: bool
) -> list[ExportedMemory]:
    stored = await read_memories(conn, project, ids)
    names = await users.names(conn, project, {memory.user_id for memory in stored.values()})
    beside = await _read_beside(conn, project, ids, vectors=vectors)
    there = [stored[name] for name in ids if name in stored and not has_run_out(stored[name])]
    return [_exported(shown(memory, names), memory.memory_id, beside) for memory in there]


class _Beside(NamedTuple):
    """What is kept beside the memories of a page."""

    facts: dict[MemoryId, FoundFact]
    readings: dict[MemoryId, int]
    vectors: dict[MemoryId, list[FoundVector]]
    versions: dict[MemoryId, list[StoredVersion]]


async def _read_beside(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId], *, vectors: bool
) -> _Beside:
    return _Beside(
        facts=await queries.list_facts(conn, project, ids),
        readings=await queries.list_readings(conn, project, ids),
        vectors=_by_memory(await queries.list_vectors(conn, project, ids) if vectors else []),
        versions=_by_memory(await queries.list_versions(conn, project, ids)),
    )


def _by_memory(rows: Sequence[Found]) -> dict[MemoryId, list[Found]]:
    grouped: dict[MemoryId, list[Found]] = defaultdict(list)
    for row in rows:
        grouped[row.memory_id].append(row)
    return grouped


def _exported(memory: Memory, memory_id: MemoryId, beside: _Beside) -> ExportedMemory:
    values = msgspec.structs.asdict(memory)
    values["sources"] = sorted(memory.sources, key=lambda source: (source.type, source.id))
    fact = beside.facts.get(memory_id)
    return ExportedMemory(
        **values,
        fact=_rest(fact) if fact else None,
        read_version=beside.readings.get(memory_id),
        vectors=[_vector(vector) for vector in beside.vectors.get(memory_id, [])],
        versions=[_version(version) for version in beside.versions.get(memory_id, [])],
    )


def _rest(fact: FoundFact) -> FactRest:
    return FactRest(about=fact.about, value=fact.value, seen=fact.seen, kept_at=fact.kept_at)


def _vector(found: FoundVector) -> Vector:
    numbers = found.embedding.to_numpy().astype("<f2", copy=False)
    return Vector(found.model, found.part, b64encode(numbers.tobytes()).decode(), found.made_of)


def _version(stored: StoredVersion) -> Version:
    values = msgspec.structs.asdict(stored)
    del values["memory_id"]
    conversation, by = values.pop("conversation_id"), stored.superseded_by
    values["conversation"] = id_text("conv", conversation) if conversation else None
    values["superseded_by"] = id_text("mem", by) if by else None
    return Version(**values)
