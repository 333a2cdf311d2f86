"""What was superseded holds again: where somebody says so, or what superseded it is forgotten."""

from collections.abc import Sequence

from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.errors import Conflict
from app.identity.users import Users
from app.ids import MemoryId, ProjectId
from app.memory import queries
from app.memory.enqueue import enqueue_embedding
from app.memory.reach import reached
from app.memory.show import shown
from app.memory.types import Memory
from app.memory.versions import keep_versions
from app.web.principal import Caller


@again_if_crossed
async def reinstate_memory(database: Database, users: Users, caller: Caller, text: str) -> Memory:
    """What superseded it stays as well; what was said until now does not supersede it again.
    Raises NotFound, or Conflict where nothing superseded it."""
    project = caller.project
    async with database.tenant(project) as conn:
        memory_id = (await reached(conn, caller, text)).memory_id
        await queries.lock_scopes_of(conn, project, [memory_id])
        if (await reached(conn, caller, text)).superseded_at is None:
            raise Conflict(f"Memory '{text}' is not superseded.")
        await reinstate(conn, project, [memory_id])
        await queries.keep_restored(conn, project, memory_id)
        now = await reached(conn, caller, text)
        names = await users.names(conn, project, {now.user_id})
    return shown(now, names)


async def reinstate(conn: Connection, project: ProjectId, ids: Sequence[MemoryId]) -> None:
    """The caller has locked their scopes."""
    await keep_versions(conn, project, ids, "restored")
    restored = await queries.restore_superseded(conn, project, ids)
    await enqueue_embedding(conn, project, restored)
