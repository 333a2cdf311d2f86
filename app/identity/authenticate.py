"""From a token to its principal, remembered for a few seconds."""

from datetime import UTC, datetime

from cachetools import TTLCache

from app.db.database import Database
from app.errors import Unauthenticated
from app.identity import queries
from app.identity.secrets import ParsedKey, parse_key
from app.identity.types import StoredKey
from app.web.principal import Principal

CACHED_MAX = 10_000


class Authenticator:
    """A revoked key, and a lost database, take effect within `ttl_seconds`."""

    def __init__(self, database: Database, ttl_seconds: float) -> None:
        self._database = database
        self._known: TTLCache[bytes, Principal] = TTLCache(CACHED_MAX, ttl_seconds)

    async def __call__(self, token: str) -> Principal:
        """Raises Unauthenticated, or Unavailable where the database is away."""
        key = parse_key(token)
        if key is None:
            raise Unauthenticated("Incorrect API key provided.")
        if known := self._known.get(key.hash):
            return known
        principal = await self._look_up(key)
        self._known[key.hash] = principal
        return principal

    async def _look_up(self, key: ParsedKey) -> Principal:
        async with self._database.tenant(key.project) as conn:
            stored = await queries.find_key(conn, key.project, key.prefix)
        if stored is None or not key.matches(stored.secret_hash) or not is_current(stored):
            raise Unauthenticated("Incorrect API key provided.")
        return Principal(key.project, stored.key_id, frozenset(stored.scopes))


def is_current(key: StoredKey) -> bool:
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return key.revoked_at is None and not expired
