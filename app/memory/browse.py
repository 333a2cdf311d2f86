"""Reading memories one by one and page by page, and forgetting them by id or by user."""

from collections.abc import Mapping

from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, MemoryId
from app.memory import queries
from app.memory.bodies import conversation_id, kind_of, time_of
from app.memory.forget import forget, forget_scope, forget_some
from app.memory.marks import Marks
from app.memory.reach import reached
from app.memory.retention import outdated
from app.memory.show import shown
from app.memory.types import LOWEST_ID, Forgotten, Memory, MemoryFilter
from app.settings.read import SettingsReader
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller


async def list_memories(
    database: Database,
    users: Users,
    settings: SettingsReader,
    caller: Caller,
    query: Mapping[str, str],
    paging: PageQuery,
) -> Page:
    only = await _filter(settings, caller, query)
    cursor = paging.cursor_id("mem")
    async with database.tenant(caller.project) as conn:
        ids = await queries.list_memories(
            conn,
            caller.project,
            only,
            descending=paging.descending,
            cursor=MemoryId(cursor) if cursor else None,
            most=paging.limit + 1,
        )
        stored = await queries.get_memories(conn, caller.project, ids)
        names = await users.names(conn, caller.project, {m.user_id for m in stored.values()})
    return page([shown(stored[found], names) for found in ids if found in stored], paging)


async def get_memory(database: Database, users: Users, caller: Caller, text: str) -> Memory:
    async with database.tenant(caller.project) as conn:
        stored = await reached(conn, caller, text)
        names = await users.names(conn, caller.project, {stored.user_id})
    return shown(stored, names)


@again_if_crossed
async def forget_memory(database: Database, marks: Marks, caller: Caller, text: str) -> Forgotten:
    async with database.tenant(caller.project) as conn:
        stored = await reached(conn, caller, text)
        ids = [stored.memory_id]
        await queries.lock_scopes_of(conn, caller.project, ids)
        await reached(conn, caller, text)  # another may have forgotten it meanwhile
        await marks.leave_for(conn, caller.project, stored.user_id, ids)
        await marks.leave_told(conn, caller.project, stored.user_id, ids)
        return await forget(conn, caller.project, ids)


async def forget_all_of(database: Database, marks: Marks, caller: Caller) -> Forgotten:
    """All memories of the user that the caller speaks for; interrupted, it can be done again."""
    forgotten = Forgotten()
    while (some := await _forget_some_of(database, marks, caller)).memories:
        forgotten += some
    return forgotten


@again_if_crossed
async def _forget_some_of(database: Database, marks: Marks, caller: Caller) -> Forgotten:
    async with database.tenant(caller.project) as conn:
        some = await forget_some(conn, marks, caller.project, caller.owner)
        if not some.memories:
            await forget_scope(conn, caller.project, caller.owner)
    return some


async def _filter(
    settings: SettingsReader, caller: Caller, query: Mapping[str, str]
) -> MemoryFilter:
    before = time_of(query.get("expiring_before"), "expiring_before")
    days = None
    if before:
        days = (await settings.read(caller.project, caller.user)).memory_retention_days
    return MemoryFilter(
        user_id=None if caller.everyone else caller.user or PROJECT_ITSELF,
        conversation=conversation_id(query.get("conversation")),
        kind=kind_of(query.get("kind")),
        episode=query.get("episode"),
        going_before=before,
        outdated=outdated(days, before) if before else LOWEST_ID,
    )
