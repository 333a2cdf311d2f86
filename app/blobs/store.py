"""Where bytes are kept: the database, so that they are there or gone with what has them."""

from collections.abc import AsyncGenerator, Sequence

import asyncpg

from app.blobs import queries
from app.blobs.types import Blob
from app.db.database import Database
from app.db.sql import Connection
from app.errors import NotFound
from app.ids import ProjectId, UserId

RANGE_BYTES = 2**20

CROSSED = (asyncpg.ForeignKeyViolationError, asyncpg.DeadlockDetectedError)
"""What comes of two that keep and drop the same bytes at once; the next try sees the other."""


async def keep(conn: Connection, project: ProjectId, user: UserId, blobs: Sequence[Blob]) -> None:
    """Each once; bytes that are there are not sent again. In the transaction of what has them."""
    there = await queries.lock_blobs(conn, project, user, [blob.sha256 for blob in blobs])
    for blob in sorted(blobs, key=lambda blob: blob.sha256):
        if blob.sha256 not in there:
            await queries.insert_blob(conn, project, user, blob)


async def drop_unused(
    conn: Connection, project: ProjectId, user: UserId, hashes: Sequence[bytes]
) -> None:
    """Those of them that nothing has any more, after what had them was deleted. Of two that cease
    to have the same bytes at once, the later one sees that it is the last."""
    if hashes:
        await queries.hold_blobs(conn, project, user, hashes)
        await queries.delete_unused_blobs(conn, project, user, hashes)


async def read(
    database: Database, project: ProjectId, user: UserId, sha256: bytes, size_bytes: int
) -> AsyncGenerator[bytes]:
    """A range at a time: a slow reader holds neither a connection nor the whole. Raises NotFound
    where the bytes were deleted meanwhile."""
    for start in range(0, size_bytes, RANGE_BYTES):
        async with database.tenant(project) as conn:
            found = await queries.read_range(conn, project, user, sha256, start, RANGE_BYTES)
        if found is None:
            raise NotFound("The file was deleted while it was read.")
        yield found
