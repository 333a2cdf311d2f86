"""From a token to its principal, remembered for a few seconds."""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from cachetools import TLRUCache

from app.audit.failures import Failure, Failures
from app.audit.types import Event, Subject
from app.db.database import Database
from app.db.sql import Connection
from app.errors import Unauthenticated
from app.identity import queries
from app.identity.key_uses import KeyUses
from app.identity.secrets import ParsedToken, parse_token
from app.identity.types import StoredKey
from app.ids import KeyId, ProjectId, SessionId
from app.web.limits import read_limits
from app.web.principal import SESSION_SCOPES, Kind, Principal

CACHED_MAX = 10_000


class Known(msgspec.Struct, frozen=True):
    principal: Principal
    expires_at: datetime | None


class Authenticator:
    """A revoked key, and a lost database, take effect within `ttl_seconds`; what expires, then."""

    def __init__(
        self,
        database: Database,
        ttl_seconds: float,
        failures: Failures | None = None,
        uses: KeyUses | None = None,
    ) -> None:
        self._database = database
        self._ttl_seconds = ttl_seconds
        self._failures = failures
        self._uses = uses
        self._forgettings = 0
        self._known: TLRUCache[bytes, Known]
        self._known = TLRUCache(CACHED_MAX, self._good_until, time.monotonic)

    async def __call__(self, token: str, address: str | None = None) -> Principal:
        """Raises Unauthenticated, or Unavailable where the database is away."""
        parsed = parse_token(token)
        if parsed is None:
            raise _unknown()
        known = self._known.get(parsed.hash) or await self._learn(parsed, address)
        principal = known.principal
        if self._uses and principal.key:
            self._uses.note(principal.project, principal.key)
        return principal

    def forget_sessions(self, ended: Collection[SessionId]) -> None:
        """They ended: on this worker that holds at once."""
        self._forget_where(lambda principal: principal.session in ended)

    def forget_key(self, key: KeyId) -> None:
        """It was revoked, rotated or changed, likewise."""
        self._forget_where(lambda principal: principal.key == key)

    def forget_project(self, project: ProjectId) -> None:
        """All its keys and sessions, likewise."""
        self._forget_where(lambda principal: principal.project == project)

    def forget_principal(self, principal_id: UUID) -> None:
        """What a key, or a user, may spend was changed, likewise."""
        self._forget_where(lambda principal: principal.id == principal_id)

    def _forget_where(self, is_meant: Callable[[Principal], bool]) -> None:
        self._forgettings += 1
        meant = [hash_ for hash_, known in self._known.items() if is_meant(known.principal)]
        for token_hash in meant:
            self._known.pop(token_hash, None)

    async def _learn(self, token: ParsedToken, address: str | None) -> Known:
        """Where something was forgotten meanwhile, this may be what it was."""
        before = self._forgettings
        known = await self._look_up(token, address)
        if before == self._forgettings:
            self._known[token.hash] = known
        return known

    async def _look_up(self, token: ParsedToken, address: str | None) -> Known:
        async with self._database.tenant(token.project, everyone=True) as conn:
            if token.mark == Kind.SESSION:
                known = await _find_session(conn, token)
            else:
                known = await self._find_key(conn, token, address)
        if known is None:
            raise _unknown()
        return known

    async def _find_key(
        self, conn: Connection, token: ParsedToken, address: str | None
    ) -> Known | None:
        stored = await queries.find_key(conn, token.project, token.prefix)
        if stored is not None and not token.matches(stored.secret_hash):
            stored = None
        if stored is not None and is_current(stored):
            return Known(_key_principal(token, stored), stored.expires_at)
        if self._failures and await queries.get_project(conn, token.project):
            tried = Subject("api_key", stored.key_id) if stored else None
            self._failures.note(Failure(token.project, Event.KEY_REFUSED, tried, address))
        return None

    def _good_until(self, _: bytes, known: Known, now: float) -> float:
        if known.expires_at is None:
            return now + self._ttl_seconds
        left = (known.expires_at - datetime.now(UTC)).total_seconds()
        return now + min(self._ttl_seconds, left)


def _key_principal(token: ParsedToken, stored: StoredKey) -> Principal:
    return Principal(
        token.project,
        stored.key_id,
        frozenset(stored.scopes),
        kind=Kind(token.mark),
        root=stored.root,
        limits=read_limits(stored.limits),
    )


async def _find_session(conn: Connection, token: ParsedToken) -> Known | None:
    stored = await queries.find_session(conn, token.project, token.prefix)
    if stored is None or not token.matches(stored.token_hash):
        return None
    principal = Principal(
        token.project,
        None,
        SESSION_SCOPES,
        kind=Kind.SESSION,
        session=stored.session_id,
        user=stored.user_id,
        external_id=stored.external_id,
        limits=read_limits(stored.limits),
    )
    return Known(principal, stored.token_expires_at)


def is_current(key: StoredKey) -> bool:
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return key.revoked_at is None and not expired


def _unknown() -> Unauthenticated:
    return Unauthenticated("Incorrect API key provided.")
