"""API keys made and seen. A secret is told once, to who makes it."""

from collections.abc import Iterable

import msgspec

from app.audit.types import Event
from app.db.sql import Connection
from app.errors import Conflict, InvalidRequest
from app.identity import queries
from app.identity.administration import Admin, Administration, administered
from app.identity.bodies import KeyKind, NewKey
from app.identity.one_key import (
    MARKS,
    audit_key,
    existing,
    expiry,
    lock_keys,
    must_have,
    place_of,
    shown,
)
from app.identity.secrets import make_token, parsed_token
from app.identity.types import ApiKey, IssuedKey
from app.ids import KeyId, ProjectId, new_id
from app.web.pages import Page, PageQuery, page
from app.web.principal import Scope


async def create_key(parts: Administration, admin: Admin, asked: NewKey) -> IssuedKey:
    """Raises InvalidRequest, Forbidden, NotFound for the project, or Conflict for one key more."""
    scopes = checked_scopes(asked.kind, asked.scopes)
    must_have(admin, scopes)
    expires_at = expiry(asked.expires_at)
    project = await administered(parts.database, admin.principal, asked.project)
    key_id, text = KeyId(new_id()), make_token(project, MARKS[asked.kind])
    token = parsed_token(text)
    async with parts.database.tenant(project) as conn:
        await lock_keys(conn, project)
        await _check_room(conn, project, parts.config.keys_per_project_max)
        await queries.insert_key(
            conn,
            project,
            key_id,
            name=asked.name,
            kind=asked.kind,
            prefix=token.prefix,
            secret_hash=token.hash,
            scopes=scopes,
            expires_at=expires_at,
        )
        made = await existing(conn, project, key_id)
        detail = {"kind": asked.kind, "scopes": scopes, "expires_at": expires_at}
        await audit_key(conn, project, Event.KEY_CREATED, admin, made, detail)
    return IssuedKey(**msgspec.structs.asdict(shown(made, project)), key=text)


async def list_keys(
    parts: Administration, admin: Admin, project_named: str | None, paging: PageQuery
) -> Page:
    """Those that were revoked too. Raises NotFound."""
    project = await administered(parts.database, admin.principal, project_named)
    async with parts.database.tenant(project) as conn:
        found = await queries.list_keys(conn, project, paging)
    return page([shown(key, project) for key in found], paging)


async def get_key(
    parts: Administration, admin: Admin, project_named: str | None, named: str
) -> ApiKey:
    """Raises NotFound."""
    project, key_id = await place_of(parts, admin, project_named, named)
    async with parts.database.tenant(project) as conn:
        return shown(await existing(conn, project, key_id), project)


def checked_scopes(kind: KeyKind, asked: Iterable[Scope]) -> list[str]:
    """Each once, in our order. Raises InvalidRequest."""
    scopes = [scope.value for scope in Scope if scope in set(asked)]
    if kind == "secret" and not scopes:
        known = ", ".join(Scope)
        raise InvalidRequest(f"A key needs 'scopes', of these: {known}.", param="scopes")
    if kind == "publishable" and scopes:
        raise InvalidRequest("A publishable key has no scopes.", param="scopes")
    return scopes


async def _check_room(conn: Connection, project: ProjectId, most: int) -> None:
    """Raises Conflict."""
    if await queries.count_live_keys(conn, project) >= most:
        raise Conflict(
            f"The project has {most} keys, the most it may: revoke one.", code="too_many_keys"
        )
