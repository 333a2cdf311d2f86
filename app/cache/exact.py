"""The exact cache: one key for one output."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from app.cache import queries
from app.cache.types import CacheControl, CacheEntry, CacheOptions, CachePlan
from app.db.database import Database
from app.engine.types import EngineRequest
from app.ids import PROJECT_ITSELF, ProjectId, UserId

KEY_BYTES = 32
WITHOUT_EFFECT = frozenset(
    {
        *("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier"),
        *("stream_options", "include"),
    }
)
"""Parameters that do not change what an engine says; all others, unknown ones too, are in the key.

`include` changes what is shown, so it is in the key after all where it is not empty.
"""

_encode = msgspec.json.Encoder(order="deterministic").encode


def plan(
    secret: bytes,
    engine: str,
    request: EngineRequest,
    user: UserId,
    options: CacheOptions,
    control: CacheControl,
    *,
    ttl_seconds: int,
    store: bool,
) -> CachePlan:
    """An entry belongs to its user; a namespace is shared by all of a project who name it."""
    return CachePlan(
        key=_key(secret, engine, request),
        user=PROJECT_ITSELF if options.namespace else user,
        namespace=options.namespace or "",
        ttl_seconds=options.ttl_seconds or ttl_seconds,
        tags=options.tags,
        read=not control.no_cache,
        write=store and not control.no_store,
        max_age_seconds=control.max_age_seconds,
    )


def _key(secret: bytes, engine: str, request: EngineRequest) -> bytes:
    parameters: dict[str, Any] = {
        name: value
        for name, value in request.parameters.items()
        if name not in WITHOUT_EFFECT or (name == "include" and value)
    }
    body = _encode([engine, request.model, request.instructions, request.input, parameters])
    return blake2b(body, key=secret, digest_size=KEY_BYTES).digest()


async def look_up(database: Database, project: ProjectId, plan: CachePlan) -> CacheEntry | None:
    """The entry, where it is young enough for the request."""
    async with database.tenant(project) as conn:
        entry = await queries.find_entry(conn, project, plan.user, plan.namespace, plan.key)
    if entry and plan.max_age_seconds is not None and age_seconds(entry) >= plan.max_age_seconds:
        return None
    return entry


def age_seconds(entry: CacheEntry) -> int:
    return max(0, int((datetime.now(UTC) - entry.created_at).total_seconds()))


def ttl_left_seconds(entry: CacheEntry) -> int:
    return max(0, int((entry.expires_at - datetime.now(UTC)).total_seconds()))
