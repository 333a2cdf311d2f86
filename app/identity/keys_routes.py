"""/v1/api_keys."""

from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.errors import InvalidRequest
from app.identity import keys
from app.identity.administration import Administration, admin_of
from app.identity.bodies import KeyPatch, NewKey, Rotation, refuse_idempotency
from app.identity.change_key import change_key, revoke_key
from app.identity.rotate_key import rotate_key
from app.identity.types import ApiKey, IssuedKey, RotatedKey
from app.web.body import decode, takes
from app.web.pages import Page, page_query
from app.web.principal import Access, Scope, guarded

ADMIN = guarded(Access.ADMIN, Scope.ADMIN)
ONE = "/v1/api_keys/{key_id:str}"

Asking = Request[Any, Any, Any]


@post("/v1/api_keys", opt=ADMIN, status_code=200, operation_class=takes(NewKey))
async def create_key(request: Asking, administration: NamedDependency[Administration]) -> IssuedKey:
    """`key` is told in this answer and never again."""
    refuse_idempotency(request)
    asked = decode(await request.body(), NewKey)
    named = _project(request)
    if named and asked.project not in (None, named):
        raise InvalidRequest("The body and the query name different projects.", param="project")
    asked = msgspec.structs.replace(asked, project=asked.project or named)
    return await keys.create_key(administration, admin_of(request), asked)


@get("/v1/api_keys", opt=ADMIN)
async def list_keys(request: Asking, administration: NamedDependency[Administration]) -> Page:
    paging = page_query(request.query_params, administration.config.list_limit_max)
    return await keys.list_keys(administration, admin_of(request), _project(request), paging)


@get(ONE, opt=ADMIN)
async def get_key(
    request: Asking, key_id: FromPath[str], administration: NamedDependency[Administration]
) -> ApiKey:
    return await keys.get_key(administration, admin_of(request), _project(request), key_id)


@patch(ONE, opt=ADMIN, status_code=200, operation_class=takes(KeyPatch))
async def patch_key(
    request: Asking, key_id: FromPath[str], administration: NamedDependency[Administration]
) -> ApiKey:
    asked = decode(await request.body(), KeyPatch)
    return await change_key(administration, admin_of(request), _project(request), key_id, asked)


@delete(ONE, opt=ADMIN, status_code=200)
async def delete_key(
    request: Asking, key_id: FromPath[str], administration: NamedDependency[Administration]
) -> ApiKey:
    """Revokes it: it stays to be seen, and opens nothing."""
    return await revoke_key(administration, admin_of(request), _project(request), key_id)


@post(f"{ONE}/rotate", opt=ADMIN, status_code=200, operation_class=takes(Rotation))
async def rotate(
    request: Asking, key_id: FromPath[str], administration: NamedDependency[Administration]
) -> RotatedKey:
    """Another secret, told in this answer; the one before is good for `overlap_seconds`."""
    refuse_idempotency(request)
    body = await request.body()
    asked = decode(body, Rotation) if body else Rotation()
    return await rotate_key(administration, admin_of(request), _project(request), key_id, asked)


def _project(request: Asking) -> str | None:
    named: str | None = request.query_params.get("project")
    return named


ROUTES = [create_key, list_keys, get_key, patch_key, delete_key, rotate]
