"""Keeping a summary, if all that it was made of still stands; of two at once, one is kept."""

from app.db.sql import Connection
from app.ids import MemoryId, new_id
from app.memory.remember import remember
from app.memory.restore import hold_scopes
from app.memory.trust import lowest_trust
from app.memory.types import NewMemory, SourceKey
from app.memory.versions import keep_versions
from app.summaries import queries
from app.summaries.about import About
from app.summaries.types import NewSummary, Talk


async def keep_summary(
    conn: Connection, about: About, talk: Talk, made: NewSummary, *, continues: bool = True
) -> MemoryId | None:
    """None where something has changed since it was read. After the commit, wake `embed_memories`.

    What it `continues` is a source of it, and holds again should it be forgotten.
    """
    await hold_scopes(conn, about.project, [about.user])
    if not await _stands(conn, about, talk):
        return None
    memory = _memory(about, talk, made, continues)
    await remember(conn, about.project, [memory])
    await queries.insert_summary(conn, about, memory.memory_id, made)
    if talk.current:
        old = talk.current.memory_id
        await keep_versions(conn, about.project, [old], "superseded")
        await queries.supersede(conn, about.project, old, memory.memory_id, memory.occurred_at)
    return memory.memory_id


async def _stands(conn: Connection, about: About, talk: Talk) -> bool:
    now = await queries.find_current(conn, about.project, about.user, about.key)
    if now != talk.current:
        return False
    versions = {one.memory_id: one.version for one in talk.said}
    held = await queries.hold_sources(conn, about.project, list(versions))
    return held == versions


def _memory(about: About, talk: Talk, made: NewSummary, continues: bool) -> NewMemory:
    sources = [one.memory_id for one in talk.said]
    trusts = [one.trust for one in talk.said]
    if talk.current and continues:
        sources.append(talk.current.memory_id)
        trusts.append(talk.current.trust)
    return NewMemory(
        memory_id=MemoryId(new_id()),
        user_id=about.user,
        kind="summary",
        content=made.content,
        occurred_at=max(one.occurred_at for one in talk.said),
        trust=lowest_trust(trusts),
        conversation_id=about.conversation,
        episode=about.episode,
        sources=tuple(SourceKey("memory", source) for source in sources),
    )
