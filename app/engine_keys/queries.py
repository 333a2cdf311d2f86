"""Typed access to queries.sql."""

from datetime import datetime

from app.db.sql import Connection, load
from app.ids import ProjectId

_sql = load(__file__)
_find_key = _sql.statement("find_key")
_find_time = _sql.statement("find_time")
_put_key = _sql.statement("put_key")
_delete_key = _sql.statement("delete_key")


async def find_key(conn: Connection, project: ProjectId) -> bytes | None:
    found: bytes | None = await _find_key.value(conn, project=project)
    return found


async def find_time(conn: Connection, project: ProjectId) -> datetime | None:
    found: datetime | None = await _find_time.value(conn, project=project)
    return found


async def put_key(conn: Connection, project: ProjectId, sealed: bytes) -> datetime:
    made: datetime = await _put_key.value(conn, project=project, sealed=sealed)
    return made


async def delete_key(conn: Connection, project: ProjectId) -> bool:
    """Whether there was one."""
    return bool(await _delete_key.run(conn, project=project))
