"""Where bytes are kept: the database, so that they are there or gone with what has them."""

from collections.abc import AsyncGenerator, Sequence

import msgspec

from app.blobs import queries
from app.blobs.parts import MARK, refs_in
from app.blobs.take import NewImages
from app.blobs.types import Blob
from app.db.database import Database
from app.db.sql import Connection
from app.errors import NotFound
from app.ids import ProjectId, UserId

RANGE_BYTES = 2**20


async def keep(conn: Connection, project: ProjectId, user: UserId, blobs: Sequence[Blob]) -> None:
    """Each once; bytes that are there are not sent again. In the transaction of what has them."""
    there = await queries.lock_blobs(conn, project, user, [blob.sha256 for blob in blobs])
    for blob in sorted(blobs, key=lambda blob: blob.sha256):
        if blob.sha256 not in there:
            await queries.insert_blob(conn, project, user, blob)


async def drop_unused(
    conn: Connection, project: ProjectId, user: UserId, hashes: Sequence[bytes]
) -> int:
    """Those of them that nothing has any more, after what had them was deleted. Of two that cease
    to have the same bytes at once, the later one sees that it is the last."""
    if not hashes:
        return 0
    await queries.hold_blobs(conn, project, user, hashes)
    return await queries.delete_unused_blobs(conn, project, user, hashes)


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


async def keep_shown(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    contents: Sequence[tuple[bytes, bytes]],
    new: NewImages,
) -> None:
    """The images that these contents show, each a hash and a body, in the transaction that stores
    them. Raises one of CROSSED where what is to be shared is deleted at this moment.

    A file may have been deleted since it was named: then its image goes with it.
    """
    pairs = [(hash_, sha256) for hash_, body in contents for sha256 in _shown_in(body)]
    if not pairs:
        return
    there = await _keep_all(conn, project, user, {sha256 for _, sha256 in pairs}, new)
    kept = [pair for pair in pairs if pair[1] in there or pair[1] in new.blobs]
    hashes, blobs = [hash_ for hash_, _ in kept], [sha256 for _, sha256 in kept]
    await queries.link_contents(conn, project, user, hashes, blobs)


async def keep_ahead(
    conn: Connection, project: ProjectId, user: UserId, bodies: Sequence[bytes], new: NewImages
) -> None:
    """The images that these contents will show, which are stored later, maybe by another worker."""
    if wanted := {sha256 for body in bodies for sha256 in _shown_in(body)}:
        await _keep_all(conn, project, user, wanted, new)


def _shown_in(body: bytes) -> list[bytes]:
    return [ref.hash for ref in refs_in([msgspec.json.decode(body)])] if MARK in body else []


async def _keep_all(
    conn: Connection, project: ProjectId, user: UserId, wanted: set[bytes], new: NewImages
) -> set[bytes]:
    """Those that are there in the end; they stay until the transaction ends."""
    hashes = sorted(wanted)
    there = await queries.lock_blobs(conn, project, user, hashes)
    if missing := [sha256 for sha256 in hashes if sha256 not in there]:
        await _bring(conn, project, user, missing, new)
        there = await queries.lock_blobs(conn, project, user, hashes)
    return there


async def _bring(
    conn: Connection, project: ProjectId, user: UserId, missing: Sequence[bytes], new: NewImages
) -> None:
    for sha256 in missing:
        if blob := new.blobs.get(sha256):
            await queries.insert_blob(conn, project, user, blob)
        elif lender := new.lenders.get(sha256):
            await queries.copy_blob(conn, project, user, lender, sha256)


async def linked(
    conn: Connection, project: ProjectId, user: UserId, content_hashes: Sequence[bytes]
) -> list[bytes]:
    """The blobs that contents show: asked before those are deleted, for `drop_unused` after."""
    return await queries.list_linked(conn, project, user, content_hashes)
