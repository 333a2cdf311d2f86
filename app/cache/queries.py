"""Typed access to queries.sql."""

from app.cache.types import CacheEntry
from app.db.sql import Connection, load
from app.ids import ProjectId, UserId

_sql = load(__file__)
_find_entry = _sql.rows("find_entry", CacheEntry)


async def find_entry(
    conn: Connection, project: ProjectId, user: UserId, namespace: str, key: bytes
) -> CacheEntry | None:
    return await _find_entry.one(conn, project=project, user_id=user, namespace=namespace, key=key)
