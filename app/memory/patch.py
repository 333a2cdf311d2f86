"""Correcting a memory: a new version under the same id, and what came from it made anew."""

from app.config import Config
from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.errors import Conflict, PreconditionFailed
from app.identity.users import Users
from app.ids import ProjectId
from app.memory import queries
from app.memory.clean import without_nul
from app.memory.enqueue import enqueue_embedding, to_embed
from app.memory.patches import MemoryPatch, patched
from app.memory.reach import reached
from app.memory.remember import differs, replace
from app.memory.show import shown
from app.memory.types import Memory, NewMemory, StoredMemory
from app.web.etags import names
from app.web.principal import Caller


@again_if_crossed
async def patch_memory(
    database: Database,
    users: Users,
    config: Config,
    caller: Caller,
    text: str,
    patch: MemoryPatch,
    if_match: str | None,
) -> Memory:
    """The memory as it is now. Raises NotFound, InvalidRequest, Conflict or PreconditionFailed."""
    async with database.tenant(caller.project) as conn:
        memory_id = (await reached(conn, caller, text)).memory_id
        await queries.lock_scopes_of(conn, caller.project, [memory_id])
        await queries.lock_memory(conn, caller.project, memory_id)
        stored = await reached(conn, caller, text)
        check_version(stored.version, patch, if_match)
        memory = without_nul(patched(stored, patch, config))
        if differs(memory, stored) or memory.occurred_at != stored.occurred_at:
            await _change(conn, caller.project, stored, memory)
        now = (await queries.get_memories(conn, caller.project, [memory_id]))[memory_id]
        names = await users.names(conn, caller.project, {now.user_id})
    return shown(now, names)


def check_version(version: int, patch: MemoryPatch, if_match: str | None) -> None:
    """Raises PreconditionFailed where the header means another version, Conflict the body."""
    if if_match is not None and not names(if_match, [version]):
        raise PreconditionFailed(f"The memory has version {version} by now.", param="if-match")
    if isinstance(patch.version, int) and patch.version != version:
        raise Conflict(f"The memory has version {version} by now.", param="version")


async def _change(
    conn: Connection, project: ProjectId, stored: StoredMemory, memory: NewMemory
) -> None:
    await replace(conn, project, [(stored, memory)], "patched")
    await enqueue_embedding(conn, project, [to_embed(stored.memory_id, memory)])
