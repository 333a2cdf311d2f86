"""Files: uploading them once, looking at them, giving their bytes back, deleting them."""

from collections.abc import AsyncGenerator
from datetime import timedelta

from app.blobs import queries, store
from app.blobs.types import File, StoredFile, Upload, shown
from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.errors import NotFound
from app.ids import PROJECT_ITSELF, FileId, created_at, id_text, new_id, parse_id
from app.web.idempotency import Claim, Keep, Reply, once
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller

OK = 200


async def create_file(
    database: Database, caller: Caller, upload: Upload, claim: Claim | None, ttl_seconds: float
) -> File:
    """Once for a claim. The reply that is kept has the id alone: the file may be deleted."""

    @again_if_crossed
    async def create(keep: Keep) -> Reply:
        async with database.tenant(caller.project) as conn:
            file_id = await _insert(conn, caller, upload)
            reply = OK, {"file": id_text("file", file_id)}
            await keep(conn, reply)
        return reply

    _, reply = await once(database, claim, caller.user, ttl_seconds, create)
    return await get_file(database, caller, reply["file"])


async def _insert(conn: Connection, caller: Caller, upload: Upload) -> FileId:
    file_id = FileId(new_id())
    now, seconds = created_at(file_id), upload.expires_after_seconds
    await store.keep(conn, caller.project, caller.owner, [upload.blob])
    await queries.insert_file(
        conn,
        caller.project,
        file_id,
        caller.owner,
        upload.blob.sha256,
        filename=upload.filename,
        purpose=upload.purpose,
        created_at=now,
        expires_at=None if seconds is None else now + timedelta(seconds=seconds),
    )
    return file_id


async def get_file(database: Database, caller: Caller, text: str) -> File:
    """Raises NotFound."""
    async with database.tenant(caller.project) as conn:
        return shown(await _find(conn, caller, text))


async def read_file(
    database: Database, caller: Caller, text: str
) -> tuple[StoredFile, AsyncGenerator[bytes]]:
    """The file, and its bytes to come. Raises NotFound."""
    async with database.tenant(caller.project) as conn:
        found = await _find(conn, caller, text)
    content = store.read(database, caller.project, found.user_id, found.sha256, found.size_bytes)
    return found, content


async def list_files(
    database: Database, caller: Caller, purpose: str | None, paging: PageQuery
) -> Page:
    cursor = paging.cursor_id("file")
    async with database.tenant(caller.project) as conn:
        ids = await queries.list_files(
            conn,
            caller.project,
            None if caller.everyone else caller.user or PROJECT_ITSELF,
            purpose=purpose,
            descending=paging.descending,
            cursor=FileId(cursor) if cursor else None,
            most=paging.limit + 1,
        )
        stored = await queries.get_files(conn, caller.project, ids)
    return page([shown(stored[file_id]) for file_id in ids if file_id in stored], paging)


@again_if_crossed
async def delete_file(database: Database, caller: Caller, text: str) -> None:
    """With its bytes, unless a turn shows them or another file has them. Raises NotFound."""
    async with database.tenant(caller.project) as conn:
        found = await _find(conn, caller, text)
        await queries.delete_file(conn, caller.project, found.file_id)
        await store.drop_unused(conn, caller.project, found.user_id, [found.sha256])


async def _find(conn: Connection, caller: Caller, text: str) -> StoredFile:
    """Raises NotFound, also for what is another user's."""
    parsed = parse_id("file", text)
    if parsed is not None:
        found = (await queries.get_files(conn, caller.project, [FileId(parsed)])).get(
            FileId(parsed)
        )
        if found and caller.may_reach(found.user_id):
            return found
    raise NotFound(f"No such File object: {text}", param="id", code="file_not_found")
