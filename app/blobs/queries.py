"""Typed access to queries.sql."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.blobs.types import Blob, Purpose, StoredFile
from app.db.sql import Connection, load
from app.ids import FileId, ProjectId, UserId

LOWEST_ID = FileId(UUID(int=0))
HIGHEST_ID = FileId(UUID(int=2**128 - 1))

_sql = load(__file__)
_lock_blobs = _sql.statement("lock_blobs")
_insert_blob = _sql.statement("insert_blob")
_copy_blob = _sql.statement("copy_blob")
_link_contents = _sql.statement("link_contents")
_list_linked = _sql.statement("list_linked")
_hold_blobs = _sql.statement("hold_blobs")
_delete_unused_blobs = _sql.statement("delete_unused_blobs")
_list_blobs = _sql.rows("list_blobs", Blob)
_read_range = _sql.statement("read_range")
_insert_file = _sql.statement("insert_file")
_get_files = _sql.rows("get_files", StoredFile)
_newest_first = _sql.statement("list_newest_first")
_oldest_first = _sql.statement("list_oldest_first")
_everyones_newest_first = _sql.statement("list_everyones_newest_first")
_everyones_oldest_first = _sql.statement("list_everyones_oldest_first")
_delete_file = _sql.statement("delete_file")


async def lock_blobs(
    conn: Connection, project: ProjectId, user_id: UserId, hashes: Sequence[bytes]
) -> set[bytes]:
    return set(await _lock_blobs.values(conn, project=project, user_id=user_id, hashes=hashes))


async def insert_blob(conn: Connection, project: ProjectId, user_id: UserId, blob: Blob) -> None:
    await _insert_blob.run(
        conn,
        project=project,
        user_id=user_id,
        sha256=blob.sha256,
        media_type=blob.media_type,
        size_bytes=len(blob.data),
        data=blob.data,
    )


async def copy_blob(
    conn: Connection, project: ProjectId, user_id: UserId, lender_id: UserId, sha256: bytes
) -> None:
    await _copy_blob.run(conn, project=project, user_id=user_id, lender_id=lender_id, sha256=sha256)


async def link_contents(
    conn: Connection,
    project: ProjectId,
    user_id: UserId,
    content_hashes: Sequence[bytes],
    hashes: Sequence[bytes],
) -> None:
    """The two lists go together, pair by pair."""
    await _link_contents.run(
        conn, project=project, user_id=user_id, content_hashes=content_hashes, hashes=hashes
    )


async def list_linked(
    conn: Connection, project: ProjectId, user_id: UserId, content_hashes: Sequence[bytes]
) -> list[bytes]:
    return await _list_linked.values(
        conn, project=project, user_id=user_id, content_hashes=content_hashes
    )


async def hold_blobs(
    conn: Connection, project: ProjectId, user_id: UserId, hashes: Sequence[bytes]
) -> None:
    await _hold_blobs.run(conn, project=project, user_id=user_id, hashes=hashes)


async def delete_unused_blobs(
    conn: Connection, project: ProjectId, user_id: UserId, hashes: Sequence[bytes]
) -> int:
    return await _delete_unused_blobs.run(conn, project=project, user_id=user_id, hashes=hashes)


async def list_blobs(
    conn: Connection, project: ProjectId, user_id: UserId, hashes: Sequence[bytes]
) -> list[Blob]:
    return await _list_blobs.all(conn, project=project, user_id=user_id, hashes=hashes)


async def read_range(
    conn: Connection, project: ProjectId, user_id: UserId, sha256: bytes, start: int, count: int
) -> bytes | None:
    """None where the blob is gone."""
    found: bytes | None = await _read_range.value(
        conn, project=project, user_id=user_id, sha256=sha256, start=start + 1, count=count
    )
    return found


async def insert_file(
    conn: Connection,
    project: ProjectId,
    file_id: FileId,
    user_id: UserId,
    sha256: bytes,
    *,
    filename: str,
    purpose: Purpose,
    created_at: datetime,
    expires_at: datetime | None,
) -> None:
    await _insert_file.run(
        conn,
        project=project,
        file_id=file_id,
        user_id=user_id,
        sha256=sha256,
        filename=filename,
        purpose=purpose,
        created_at=created_at,
        expires_at=expires_at,
    )


async def get_files(
    conn: Connection, project: ProjectId, file_ids: Sequence[FileId]
) -> dict[FileId, StoredFile]:
    """By their ids; those that are not there, or have run out, are left out."""
    found = await _get_files.all(conn, project=project, file_ids=file_ids)
    return {file.file_id: file for file in found}


async def list_files(
    conn: Connection,
    project: ProjectId,
    user_id: UserId | None,
    *,
    purpose: str | None,
    descending: bool,
    cursor: FileId | None,
    most: int,
) -> list[FileId]:
    """No user is every user of the project."""
    values: dict[str, Any] = {
        "project": project,
        "above": cursor if cursor and not descending else LOWEST_ID,
        "below": cursor if cursor and descending else HIGHEST_ID,
        "purpose": purpose,
        "most": most,
    }
    if user_id is None:
        query = _everyones_newest_first if descending else _everyones_oldest_first
        return await query.values(conn, **values)
    query = _newest_first if descending else _oldest_first
    return await query.values(conn, **values, user_id=user_id)


async def delete_file(conn: Connection, project: ProjectId, file_id: FileId) -> None:
    await _delete_file.run(conn, project=project, file_id=file_id)
