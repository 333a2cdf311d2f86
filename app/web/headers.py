"""What every answer tells browsers and caches, whoever made it."""

from litestar.types import Message, Scope

DOCS = "/docs"
COMMON = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
NOTHING = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""An answer of the API is no page: what a browser would run of it, it may not."""

OWN_PAGE = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    b"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
NOT_KEPT = (b"cache-control", b"no-store")
ASKED_AGAIN = (b"cache-control", b"private, no-cache")


async def add_security_headers(message: Message, scope: Scope) -> None:
    """A `before_send` hook. What a route says of caching itself stands."""
    if message["type"] != "http.response.start":
        return
    headers = message["headers"]
    names = {name.lower() for name, _ in headers}
    added = [*COMMON, OWN_PAGE if scope["path"] == DOCS else NOTHING]
    if b"cache-control" not in names:
        added.append(ASKED_AGAIN if b"etag" in names else NOT_KEPT)
    message["headers"] = [*headers, *added]
