"""/v1/files, as OpenAI has them: images."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from app.blobs import files
from app.blobs.types import DeletedFile, File
from app.blobs.upload import UploadForm, fingerprint, read_upload
from app.config import Config
from app.db.database import Database
from app.identity.users import Users
from app.web.body import MULTIPART, takes
from app.web.idempotency import HEADER, claim_for
from app.web.pages import Page, page_query
from app.web.principal import Access, Scope, guarded

ENGINE = guarded(Access.SESSION, Scope.ENGINE)


@post("/v1/files", opt=ENGINE, status_code=200, operation_class=takes(UploadForm, MULTIPART))
async def create_file(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> File:
    upload = await read_upload(request, config)
    caller = await users.caller_of(request, upload.user)
    key = request.headers.get(HEADER)
    said = fingerprint(upload)
    claim = claim_for(request.auth, key, said, caller.external_id) if key else None
    return await files.create_file(database, caller, upload, claim, config.idempotency_ttl_seconds)


@get("/v1/files", opt=ENGINE)
async def list_files(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> Page:
    """Pages of files; filtered by `user` and `purpose`."""
    query = request.query_params
    caller = await users.caller_of(request, everyone_allowed=True)
    paging = page_query(query, config.list_limit_max)
    return await files.list_files(database, caller, query.get("purpose"), paging)


@get("/v1/files/{file_id:str}", opt=ENGINE)
async def get_file(
    request: Request[Any, Any, Any],
    file_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> File:
    caller = await users.caller_of(request)
    return await files.get_file(database, caller, file_id)


@get("/v1/files/{file_id:str}/content", opt=ENGINE)
async def get_file_content(
    request: Request[Any, Any, Any],
    file_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> Response[Any]:
    """The bytes, for download: no browser shows them as a page of ours."""
    caller = await users.caller_of(request)
    found, content = await files.read_file(database, caller, file_id)
    headers = {
        "content-length": str(found.size_bytes),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(found.filename, safe='')}",
    }
    return Stream(content, headers=headers, media_type=found.media_type)


@delete("/v1/files/{file_id:str}", opt=ENGINE, status_code=200)
async def delete_file(
    request: Request[Any, Any, Any],
    file_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> DeletedFile:
    caller = await users.caller_of(request)
    await files.delete_file(database, caller, file_id)
    return DeletedFile(id=file_id)


ROUTES = [create_file, list_files, get_file, get_file_content, delete_file]
