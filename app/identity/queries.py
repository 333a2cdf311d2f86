"""Typed access to queries.sql."""

from collections.abc import Collection, Sequence
from typing import Any

from app.db.sql import Connection, load
from app.identity.types import StoredKey, StoredProject, StoredSession, StoredUser, UserName
from app.ids import KeyId, ProjectId, UserId

_sql = load(__file__)
_find_key = _sql.rows("find_key", StoredKey)
_insert_key = _sql.statement("insert_key")
_find_session = _sql.rows("find_session", StoredSession)
_insert_session = _sql.statement("insert_session")
_get_project = _sql.rows("get_project", StoredProject)
_find_user = _sql.rows("find_user", StoredUser)
_insert_user = _sql.statement("insert_user")
_list_user_names = _sql.rows("list_user_names", UserName)


async def find_key(conn: Connection, project: ProjectId, prefix: str) -> StoredKey | None:
    return await _find_key.one(conn, project=project, prefix=prefix)


async def find_session(conn: Connection, project: ProjectId, prefix: str) -> StoredSession | None:
    return await _find_session.one(conn, project=project, prefix=prefix)


async def insert_session(conn: Connection, project: ProjectId, **session: Any) -> None:
    await _insert_session.run(conn, project=project, **session)


async def insert_key(
    conn: Connection,
    project: ProjectId,
    key_id: KeyId,
    *,
    name: str,
    prefix: str,
    secret_hash: bytes,
    scopes: Sequence[str],
) -> None:
    await _insert_key.run(
        conn,
        project=project,
        key_id=key_id,
        name=name,
        prefix=prefix,
        secret_hash=secret_hash,
        scopes=scopes,
    )


async def get_project(conn: Connection, project: ProjectId) -> StoredProject | None:
    return await _get_project.one(conn, project=project)


async def find_user(conn: Connection, project: ProjectId, external_id: str) -> UserId | None:
    found = await _find_user.one(conn, project=project, external_id=external_id)
    return found.user_id if found else None


async def insert_user(
    conn: Connection, project: ProjectId, user_id: UserId, external_id: str
) -> None:
    await _insert_user.run(conn, project=project, user_id=user_id, external_id=external_id)


async def list_user_names(
    conn: Connection, project: ProjectId, user_ids: Collection[UserId]
) -> dict[UserId, str]:
    rows = await _list_user_names.all(conn, project=project, user_ids=list(user_ids))
    return {row.user_id: row.external_id for row in rows}
