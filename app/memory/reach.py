"""The memory that a path names, if who asks may reach it."""

from datetime import UTC, datetime

from app.db.sql import Connection
from app.errors import NotFound
from app.memory import queries
from app.memory.bodies import memory_id
from app.memory.types import StoredMemory
from app.web.principal import Caller


async def reached(conn: Connection, caller: Caller, text: str) -> StoredMemory:
    """Another user's is as if it did not exist, and so is one that has run out; a key that names
    no user reaches any. Raises NotFound."""
    parsed = memory_id(text)
    if parsed is not None:
        found = (await queries.get_memories(conn, caller.project, [parsed])).get(parsed)
        if found and caller.may_reach(found.user_id) and not has_run_out(found):
            return found
    raise NotFound(f"Memory with id '{text}' not found.")


def has_run_out(memory: StoredMemory) -> bool:
    return memory.expires_at is not None and memory.expires_at <= datetime.now(UTC)
