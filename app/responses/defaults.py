"""What settings may say in place of a request: what would fail each request is refused when set."""

from app.cache.types import CacheOptions
from app.responses.types import MemoryOptions
from app.settings.types import GatewaySettings
from app.web.body import convert


def check_defaults(settings: GatewaySettings) -> None:
    """Raises InvalidRequest, with the field as its `param`."""
    if isinstance(settings.memory, dict):
        convert(settings.memory, MemoryOptions, "memory")
    if isinstance(settings.cache, dict):
        convert(settings.cache, CacheOptions, "cache")
