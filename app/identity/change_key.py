"""Changing a key and revoking it; the root project keeps one that may administer."""

from typing import Any

import msgspec
from msgspec import UNSET

from app.audit.types import Event
from app.db.sql import Connection
from app.errors import Conflict
from app.identity import queries
from app.identity.administration import Admin, Administration
from app.identity.bodies import KeyPatch
from app.identity.keys import checked_scopes
from app.identity.one_key import (
    audit_key,
    changeable,
    existing,
    expiry,
    is_live,
    lock_keys,
    must_have,
    place_of,
    shown,
)
from app.identity.types import ApiKey, FoundKey
from app.ids import ProjectId
from app.web.principal import Scope

CHANGED = ("name", "scopes", "expires_at")


async def change_key(
    parts: Administration, admin: Admin, project_named: str | None, named: str, asked: KeyPatch
) -> ApiKey:
    """Raises InvalidRequest, Forbidden, NotFound, or Conflict."""
    project, key_id = await place_of(parts, admin, project_named, named)
    async with parts.database.tenant(project) as conn:
        before = await changeable(conn, project, key_id)
        after = _patched(before, asked)
        must_have(admin, _given(before, after))
        if not _administers_for_good(after):
            await _keep_an_admin(conn, project, before)
        values = {name: getattr(after, name) for name in CHANGED}
        await queries.update_key(conn, project, key_id, **values)
        await audit_key(conn, project, Event.KEY_CHANGED, admin, after, _changes(before, after))
    parts.authenticator.forget_key(key_id)
    return shown(after, project)


async def revoke_key(
    parts: Administration, admin: Admin, project_named: str | None, named: str
) -> ApiKey:
    """One that was revoked before stays as it is. Raises NotFound, or Conflict."""
    project, key_id = await place_of(parts, admin, project_named, named)
    async with parts.database.tenant(project) as conn:
        await lock_keys(conn, project)
        before = await existing(conn, project, key_id)
        if before.revoked_at is None:
            await _keep_an_admin(conn, project, before)
            await queries.revoke_key(conn, project, key_id)
            await audit_key(conn, project, Event.KEY_REVOKED, admin, before, {})
        after = await existing(conn, project, key_id)
    parts.authenticator.forget_key(key_id)
    return shown(after, project)


def _patched(key: FoundKey, asked: KeyPatch) -> FoundKey:
    """Raises InvalidRequest."""
    values: dict[str, Any] = {}
    if asked.name is not UNSET:
        values["name"] = asked.name
    if asked.scopes is not UNSET:
        values["scopes"] = checked_scopes(key.kind, asked.scopes)
    if asked.expires_at is not UNSET:
        values["expires_at"] = expiry(asked.expires_at)
    return msgspec.structs.replace(key, **values)


def _given(before: FoundKey, after: FoundKey) -> list[str]:
    """Scopes that the change gives: all of a key that had expired."""
    had = before.scopes if is_live(before) else []
    return [scope for scope in after.scopes if scope not in had] if is_live(after) else []


async def _keep_an_admin(conn: Connection, project: ProjectId, key: FoundKey) -> None:
    """Raises Conflict where no other key could administer the installation."""
    if not is_live(key) or Scope.ADMIN not in key.scopes:
        return
    if await queries.is_last_root_admin(conn, project, key.key_id):
        raise Conflict(
            "This is the last key that administers the installation: make another one first.",
            code="last_admin_key",
        )


def _administers_for_good(key: FoundKey) -> bool:
    return Scope.ADMIN in key.scopes and key.expires_at is None


def _changes(before: FoundKey, after: FoundKey) -> dict[str, Any]:
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in CHANGED}
    changed = {name: (was, now) for name, (was, now) in pairs.items() if was != now}
    return {"changes": {name: {"from": was, "to": now} for name, (was, now) in changed.items()}}
