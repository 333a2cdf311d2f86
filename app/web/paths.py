"""Paths whose segments hold a slash of their own: `/v1/users/a%2Fb` names the user `a/b`.

ASGI's `path` is decoded as a whole, so that such a slash looks like any other. Until it is read, a
character stands for it that no text should hold.
"""

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

SLASH_INSIDE = "\ufdd0"
"""A noncharacter of Unicode."""


def keep_slashes(scope: MutableMapping[str, Any]) -> None:
    """Must come before the route is looked for."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%2f" not in raw.lower():
        return
    path, _, _ = raw.partition(b"?")
    segments = [unquote(segment).replace("/", SLASH_INSIDE) for segment in path.decode().split("/")]
    scope["path"] = "/".join(segments)


def with_slashes(segment: str) -> str:
    return segment.replace(SLASH_INSIDE, "/")
