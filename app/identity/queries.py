"""Typed access to queries.sql."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.sql import Connection, load
from app.identity.types import (
    FoundKey,
    StoredKey,
    StoredProject,
    StoredSession,
    StoredUser,
    UserName,
)
from app.ids import KeyId, ProjectId, UserId
from app.web.pages import PageQuery

_sql = load(__file__)
_find_key = _sql.rows("find_key", StoredKey)
_insert_key = _sql.statement("insert_key")
_get_key = _sql.rows("get_key", FoundKey)
_list_keys_newest_first = _sql.rows("list_keys_newest_first", FoundKey)
_list_keys_oldest_first = _sql.rows("list_keys_oldest_first", FoundKey)
_count_live_keys = _sql.statement("count_live_keys")
_update_key = _sql.statement("update_key")
_revoke_key = _sql.statement("revoke_key")
_is_last_root_admin = _sql.statement("is_last_root_admin")
_keep_secret = _sql.statement("keep_secret")
_shorten_secrets = _sql.statement("shorten_secrets")
_delete_ended_secrets = _sql.statement("delete_ended_secrets")
_count_secrets = _sql.statement("count_secrets")
_replace_secret = _sql.statement("replace_secret")
_note_uses = _sql.statement("note_uses")
_drop_ended_keys = _sql.statement("drop_ended_keys")
_find_session = _sql.rows("find_session", StoredSession)
_insert_session = _sql.statement("insert_session")
_get_project = _sql.rows("get_project", StoredProject)
_lock_project = _sql.statement("lock_project")
_list_projects = _sql.rows("list_projects", StoredProject)
_count_projects = _sql.statement("count_projects")
_insert_project = _sql.statement("insert_project")
_rename_project = _sql.statement("rename_project")
_mark_project_deleted = _sql.statement("mark_project_deleted")
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
    kind: str = "secret",
    prefix: str,
    secret_hash: bytes,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
) -> None:
    await _insert_key.run(
        conn,
        project=project,
        key_id=key_id,
        name=name,
        kind=kind,
        prefix=prefix,
        secret_hash=secret_hash,
        scopes=scopes,
        expires_at=expires_at,
    )


async def get_key(conn: Connection, project: ProjectId, key_id: KeyId) -> FoundKey | None:
    return await _get_key.one(conn, project=project, key_id=key_id)


async def list_keys(conn: Connection, project: ProjectId, paging: PageQuery) -> list[FoundKey]:
    """One more than the page holds."""
    query = _list_keys_newest_first if paging.descending else _list_keys_oldest_first
    above, below = paging.id_bounds("key")
    return await query.all(conn, project=project, above=above, below=below, most=paging.limit + 1)


async def count_live_keys(conn: Connection, project: ProjectId) -> int:
    return int(await _count_live_keys.value(conn, project=project))


async def update_key(
    conn: Connection,
    project: ProjectId,
    key_id: KeyId,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
) -> None:
    await _update_key.run(
        conn, project=project, key_id=key_id, name=name, scopes=scopes, expires_at=expires_at
    )


async def revoke_key(conn: Connection, project: ProjectId, key_id: KeyId) -> None:
    await _revoke_key.run(conn, project=project, key_id=key_id)


async def is_last_root_admin(conn: Connection, project: ProjectId, key_id: KeyId) -> bool:
    return bool(await _is_last_root_admin.value(conn, project=project, key_id=key_id))


async def keep_secret(conn: Connection, project: ProjectId, key_id: KeyId, until: datetime) -> None:
    await _keep_secret.run(conn, project=project, key_id=key_id, until=until)


async def shorten_secrets(
    conn: Connection, project: ProjectId, key_id: KeyId, until: datetime
) -> None:
    await _shorten_secrets.run(conn, project=project, key_id=key_id, until=until)


async def delete_ended_secrets(conn: Connection, project: ProjectId, key_id: KeyId) -> None:
    await _delete_ended_secrets.run(conn, project=project, key_id=key_id)


async def count_secrets(conn: Connection, project: ProjectId, key_id: KeyId) -> int:
    return int(await _count_secrets.value(conn, project=project, key_id=key_id))


async def replace_secret(
    conn: Connection, project: ProjectId, key_id: KeyId, *, prefix: str, secret_hash: bytes
) -> None:
    await _replace_secret.run(
        conn, project=project, key_id=key_id, prefix=prefix, secret_hash=secret_hash
    )


async def note_uses(conn: Connection, project: ProjectId, used: Mapping[KeyId, datetime]) -> None:
    await _note_uses.run(conn, project=project, key_ids=list(used), times=list(used.values()))


async def drop_ended_keys(conn: Connection, days: int, most: int) -> int:
    return int(await _drop_ended_keys.value(conn, days=days, most=most))


async def get_project(conn: Connection, project: ProjectId) -> StoredProject | None:
    return await _get_project.one(conn, project=project)


async def lock_project(conn: Connection, project: ProjectId) -> bool:
    """Whether it is there."""
    return await _lock_project.value(conn, project=project) is not None


async def list_projects(
    conn: Connection, cursor: UUID | None, *, descending: bool, most: int
) -> list[StoredProject]:
    return await _list_projects.all(conn, cursor=cursor, descending=descending, most=most)


async def count_projects(conn: Connection, most: int) -> int:
    """At most so many."""
    return int(await _count_projects.value(conn, most=most))


async def insert_project(conn: Connection, project: ProjectId, name: str) -> None:
    await _insert_project.run(conn, project=project, name=name)


async def rename_project(conn: Connection, project: ProjectId, name: str) -> None:
    await _rename_project.run(conn, project=project, name=name)


async def mark_project_deleted(conn: Connection, project: ProjectId) -> bool:
    """Whether it was there still."""
    return await _mark_project_deleted.run(conn, project=project) == 1


async def find_user(conn: Connection, project: ProjectId, external_id: str) -> StoredUser | None:
    return await _find_user.one(conn, project=project, external_id=external_id)


async def insert_user(
    conn: Connection, project: ProjectId, user_id: UserId, external_id: str
) -> None:
    await _insert_user.run(conn, project=project, user_id=user_id, external_id=external_id)


async def list_user_names(
    conn: Connection, project: ProjectId, user_ids: Collection[UserId]
) -> dict[UserId, str]:
    rows = await _list_user_names.all(conn, project=project, user_ids=list(user_ids))
    return {row.user_id: row.external_id for row in rows}
