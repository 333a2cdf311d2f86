"""A key as it is found, locked, recorded and shown: what all that is done to keys has in common.

Whatever is done to a key waits for what is being done to another of its project: so the last key
that may administer cannot be lost by two who give up one each.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.audit.record import audit
from app.audit.types import Event, Subject
from app.db.sql import Connection
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound
from app.identity import queries
from app.identity.administration import Admin, Administration, administered, project_not_found
from app.identity.types import ApiKey, FoundKey
from app.ids import KeyId, ProjectId, id_text, parse_id
from app.web.principal import Kind
from app.web.times import parse_time

MARKS = {"secret": Kind.KEY, "publishable": Kind.PUBLISHABLE}


async def place_of(
    parts: Administration, admin: Admin, project_named: str | None, named: str
) -> tuple[ProjectId, KeyId]:
    """Raises NotFound."""
    project = await administered(parts.database, admin.principal, project_named)
    key_id = parse_id("key", named)
    if key_id is None:
        raise NotFound(f"API key with id '{named}' not found.")
    return project, KeyId(key_id)


async def lock_keys(conn: Connection, project: ProjectId) -> None:
    """Raises NotFound where the project is gone."""
    if not await queries.lock_project(conn, project):
        raise project_not_found(id_text("proj", project))


async def existing(conn: Connection, project: ProjectId, key_id: KeyId) -> FoundKey:
    """Raises NotFound."""
    found = await queries.get_key(conn, project, key_id)
    if found is None:
        raise NotFound(f"API key with id '{id_text('key', key_id)}' not found.")
    return found


async def changeable(conn: Connection, project: ProjectId, key_id: KeyId) -> FoundKey:
    """Locked. Raises NotFound, or Conflict where it was revoked."""
    await lock_keys(conn, project)
    found = await existing(conn, project, key_id)
    if found.revoked_at is not None:
        raise Conflict("The key was revoked: make a new one.", code="key_revoked")
    return found


def must_have(admin: Admin, scopes: Iterable[str]) -> None:
    """Raises Forbidden: what one does not have, one cannot give."""
    missing = [scope for scope in scopes if scope not in admin.principal.scopes]
    if missing:
        raise Forbidden(f"A key cannot give scopes that it does not have: {', '.join(missing)}.")


def expiry(value: str | float | None) -> datetime | None:
    """Raises InvalidRequest."""
    if value is None:
        return None
    at = parse_time(value, "expires_at")
    if at <= datetime.now(UTC):
        raise InvalidRequest("'expires_at' must be in the future.", param="expires_at")
    return at


def is_live(key: FoundKey) -> bool:
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return key.revoked_at is None and not expired


async def audit_key(
    conn: Connection,
    project: ProjectId,
    event: Event,
    admin: Admin,
    key: FoundKey,
    detail: Mapping[str, Any],
) -> None:
    await audit(
        conn,
        project,
        event,
        principal=admin.principal,
        subject=Subject("api_key", key.key_id),
        address=admin.address,
        detail={"name": key.name, **detail},
    )


def shown(key: FoundKey, project: ProjectId) -> ApiKey:
    values = msgspec.structs.asdict(key)
    return ApiKey(
        id=id_text("key", values.pop("key_id")),
        project=id_text("proj", project),
        prefix=f"{MARKS[key.kind]}…{values.pop('prefix')}",
        **values,
    )
