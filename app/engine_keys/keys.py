"""A project's own key of the engine: who brings one, pays by it. It never comes back."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

import msgspec
from cachetools import TTLCache
from msgspec import Meta

from app.audit.record import audit
from app.audit.types import Event, Subject
from app.db.database import Database
from app.db.sql import Connection
from app.engine.types import Secret
from app.engine_keys import queries
from app.errors import NotFound
from app.identity.administration import Admin
from app.ids import ProjectId
from app.vault import Vault

CACHED_MAX = 10_000


class PutEngineKey(msgspec.Struct, forbid_unknown_fields=True):
    """What the engine takes as a bearer token."""

    api_key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,1000}$")]


class EngineKey(msgspec.Struct, kw_only=True):
    """That there is one; nothing of what it is."""

    object: Literal["engine_key"] = "engine_key"
    set: bool
    updated_at: datetime | None = None


class Unknown(Enum):
    """Not yet asked, or too long ago: beside None, which is that there is none."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


class EngineKeys:
    """What is known of a project is known for some seconds."""

    def __init__(self, database: Database, vault: Vault, ttl_seconds: float) -> None:
        self._database = database
        self._vault = vault
        self._known: TTLCache[ProjectId, Secret | None] = TTLCache(CACHED_MAX, ttl_seconds)
        self._changes = 0

    async def read(self, project: ProjectId) -> Secret | None:
        """None where the installation's is used."""
        known = self._known.get(project, UNKNOWN)
        if not isinstance(known, Unknown):
            return known
        changes = self._changes
        async with self._database.tenant(project, everyone=True) as conn:
            sealed = await queries.find_key(conn, project)
        secret = Secret(self._vault.open(sealed, _row(project)).decode()) if sealed else None
        if changes == self._changes:  # else it may be from before a change
            self._known[project] = secret
        return secret

    async def show(self, project: ProjectId) -> EngineKey:
        async with self._database.tenant(project) as conn:
            found = await queries.find_time(conn, project)
        return EngineKey(set=found is not None, updated_at=found)

    async def put(self, admin: Admin, project: ProjectId, text: str) -> EngineKey:
        sealed = self._vault.seal(text.encode(), _row(project))
        async with self._database.tenant(project) as conn:
            made = await queries.put_key(conn, project, sealed)
            await _audit(conn, project, Event.ENGINE_KEY_SET, admin)
        self._forget(project)
        return EngineKey(set=True, updated_at=made)

    async def remove(self, admin: Admin, project: ProjectId) -> EngineKey:
        """Raises NotFound."""
        async with self._database.tenant(project) as conn:
            if not await queries.delete_key(conn, project):
                raise NotFound("This project has no key of the engine.")
            await _audit(conn, project, Event.ENGINE_KEY_REMOVED, admin)
        self._forget(project)
        return EngineKey(set=False)

    def _forget(self, project: ProjectId) -> None:
        self._changes += 1
        self._known.pop(project, None)


async def _audit(conn: Connection, project: ProjectId, event: Event, admin: Admin) -> None:
    await audit(
        conn,
        project,
        event,
        principal=admin.principal,
        subject=Subject("project", project),
        address=admin.address,
    )


def _row(project: ProjectId) -> bytes:
    return b"engine_keys " + project.bytes
