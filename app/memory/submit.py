"""Remembering what a client sends: for whom, once for an Idempotency-Key, and shown as stored."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from app.db.database import Database
from app.db.sql import Connection
from app.errors import NotFound
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, MemoryId, ProjectId
from app.memory import queries
from app.memory.bodies import MemoryBody, below, new_memory
from app.memory.readings import Readings
from app.memory.remember import remember
from app.memory.show import shown
from app.memory.spoken import told_ahead
from app.memory.types import Memory, NewMemory
from app.web.idempotency import Claim, Keep, Reply, once
from app.web.principal import Principal, named_user

OK = 200


async def new_memories(
    users: Users,
    principal: Principal,
    bodies: Iterable[tuple[str, MemoryBody]],
    user: str | None,
) -> list[NewMemory]:
    """Of bodies and their places. `user` is who the request as a whole names; a memory may not
    name another."""
    now = datetime.now(UTC)
    found = []
    for place, body in bodies:
        with below(place):
            caller = await users.caller(principal, named_user(body.user, user))
            found.append(new_memory(body, caller.user or PROJECT_ITSELF, now))
    return found


async def submit_once(
    database: Database,
    users: Users,
    project: ProjectId,
    readings: Readings,
    claim: Claim | None,
    memories: Sequence[NewMemory],
    ttl_seconds: float,
) -> list[Memory]:
    """The reply that is kept has ids alone, so that what is forgotten is in no reply."""
    read = await readings.wanted(project, memories)
    told = await told_ahead(memories)

    async def submit(keep: Keep) -> Reply:
        async with database.tenant(project) as conn:
            ids = await remember(conn, project, told)
            if read:
                await readings.enqueue(conn, project, ids)
            reply = OK, {"memories": [memory_id.hex for memory_id in ids]}
            await keep(conn, reply)
        return reply

    _, reply = await once(database, claim, memories[0].user_id, ttl_seconds, submit)
    ids = [MemoryId(UUID(hex=text)) for text in reply["memories"]]
    async with database.tenant(project) as conn:
        return await _show(conn, users, project, ids)


async def _show(
    conn: Connection, users: Users, project: ProjectId, ids: Sequence[MemoryId]
) -> list[Memory]:
    """Raises NotFound where what was remembered has been forgotten since."""
    stored = await queries.get_memories(conn, project, ids)
    if missing := [memory_id for memory_id in ids if memory_id not in stored]:
        raise NotFound(f"{len(missing)} of these memories have been forgotten since.")
    names = await users.names(conn, project, {memory.user_id for memory in stored.values()})
    return [shown(stored[memory_id], names) for memory_id in ids]
