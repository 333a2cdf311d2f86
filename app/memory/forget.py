"""Forgetting: memories, and all that was derived from them.

Scopes are locked first, then all memories that go, by id: as by everyone else who holds several.
"""

from collections.abc import Sequence
from uuid import UUID

from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId
from app.jobs.outbox import cancel
from app.memory import queries
from app.memory.marks import Marks
from app.memory.rederive import derive_again, derived_from
from app.memory.reinstate import reinstate
from app.memory.types import LOWEST_ID, Forgotten, MemoryFilter, SourceType
from app.memory.unindex import unindex

BATCH = 1_000


async def forget(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId], *, again: bool = True
) -> Forgotten:
    """What went: these, and what came from them, however far. Unknown ids are no error.

    With each go its postings, counts, vectors, sources, versions and uses, the cached answers that
    used it, and work that waits for it. What came from others too is derived again from those,
    unless they are to go as well; what was superseded by one of these holds again.
    """
    if not ids:
        return Forgotten()
    await queries.lock_scopes_of(conn, project, ids)
    derived = await derived_from(conn, project, ids)
    return await _drop(conn, project, [*ids, *derived], derived if again else [])


async def forget_derived(
    conn: Connection, project: ProjectId, ids: Sequence[MemoryId]
) -> Forgotten:
    """What came from these, which change: it is derived again, from these too. The caller has
    locked their scopes."""
    derived = await derived_from(conn, project, ids)
    return await _drop(conn, project, derived, derived) if derived else Forgotten()


async def _drop(
    conn: Connection, project: ProjectId, gone: Sequence[MemoryId], derived: Sequence[MemoryId]
) -> Forgotten:
    await queries.lock_memories(conn, project, gone)
    if derived:
        await derive_again(conn, project, derived, gone)
    forgotten = await unindex(conn, project, gone)
    jobs = await cancel(conn, project, "embed_memories", gone)
    await _restore_superseded(conn, project, gone)
    counted = await queries.delete_memories(conn, project, gone)
    return forgotten + Forgotten(
        memories=counted.memories,
        facts=counted.facts,
        summaries=counted.summaries,
        versions=counted.versions,
        jobs=len(jobs),
    )


async def _restore_superseded(
    conn: Connection, project: ProjectId, gone: Sequence[MemoryId]
) -> None:
    """What speaks against them is forgotten."""
    await queries.pass_on_superseded(conn, project, gone)
    if fallen := await queries.list_superseded(conn, project, gone):
        await reinstate(conn, project, fallen)


async def forget_by_source(
    conn: Connection, project: ProjectId, source_type: SourceType, source_ids: Sequence[UUID]
) -> Forgotten:
    """All memories that came from any of these."""
    ids = await queries.list_by_sources(conn, project, source_type, source_ids)
    return await forget(conn, project, ids)


async def forget_scope(conn: Connection, project: ProjectId, user: UserId) -> None:
    """The counts of a user without memories."""
    await queries.delete_scope(conn, project, user)


async def forget_some(
    conn: Connection, marks: Marks, project: ProjectId, user: UserId
) -> Forgotten:
    """The first of a user's memories, for transactions that end in time."""
    await queries.lock_scopes(conn, project, [user])
    only = MemoryFilter(user_id=user, expired=True)
    ids = await queries.list_memories(
        conn, project, only, descending=False, cursor=LOWEST_ID, most=BATCH
    )
    await marks.leave_for(conn, project, user, ids)
    return await forget(conn, project, ids, again=False)
