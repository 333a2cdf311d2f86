"""What a request says of caching: Cache-Control in, Cache-Status (RFC 9211) out."""

from typing import Any

from app.cache.types import CacheControl, CacheOptions
from app.errors import InvalidRequest
from app.usage.types import CacheStatus
from app.web.body import convert

MAX_AGE_DIGITS_MAX = 9
MAX_AGE_SECONDS_MAX = 10**MAX_AGE_DIGITS_MAX


def parse_cache_control(header: str | None) -> CacheControl:
    """Unknown directives are ignored (RFC 9111). Raises InvalidRequest: max-age is no number."""
    directives: dict[str, str] = {}
    for part in (header or "").split(","):
        name, _, value = part.strip().partition("=")
        directives[name.strip().lower()] = value.strip().strip('"')
    return CacheControl(
        no_store="no-store" in directives,
        no_cache="no-cache" in directives,
        only_if_cached="only-if-cached" in directives,
        max_age_seconds=_max_age(directives.get("max-age")),
    )


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise InvalidRequest("'max-age' of Cache-Control must be a number of seconds.")
    return MAX_AGE_SECONDS_MAX if len(text) > MAX_AGE_DIGITS_MAX else int(text)


def cache_options(
    asked: Any, default: Any, *, deterministic: bool, within: str
) -> CacheOptions | None:
    """The options in force, or None where the request is not cached.

    What the request asks wins over the setting, which wins over what determinism says.
    """
    for value in (asked, default):
        if isinstance(value, bool):
            return CacheOptions() if value else None
        if value is not None:
            return convert(value, CacheOptions, within)
    return CacheOptions() if deterministic else None


def cache_headers(
    status: CacheStatus | None, *, age_seconds: int = 0, ttl_seconds: int = 0, stored: bool = False
) -> dict[str, str]:
    """The three headers that say what happened; None is a request that is not cached."""
    if status is None:
        return {"Cache-Status": "backstory; fwd=bypass"}
    if status in ("HIT", "SEMANTIC"):
        return {
            "Cache-Status": f"backstory; hit; ttl={ttl_seconds}",
            "Age": str(age_seconds),
            "X-Cache": status,
        }
    detail = "; collapsed" if status == "COALESCED" else "; stored" if stored else ""
    return {"Cache-Status": f"backstory; fwd=miss{detail}", "X-Cache": status}
