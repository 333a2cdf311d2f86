"""Browsers: which pages of other origins may call, and may read what is answered.

Nothing here keeps anybody out who is no browser: what may be done is the token's to say. A browser
asks before it calls (a preflight) and says no project then, so that any project's origin will do;
the answer to the call itself is for pages of the token's own project. There are no cookies: no
foreign page can speak with a token that it was not given.
"""

import re
from typing import Protocol

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Forbidden, Unavailable
from app.ids import ProjectId
from app.web.principal import Principal

METHODS = b"GET, POST, PUT, PATCH, DELETE"
MAX_AGE_SECONDS = b"600"
ORIGIN_LENGTH_MAX = 300

_HEADER_NAMES = re.compile(rb"[A-Za-z0-9_-]+(?: *, *[A-Za-z0-9_-]+)*")


class Origins(Protocol):
    async def any_allows(self, origin: str) -> bool:
        """Whether some project lets pages of this origin call. Raises Unavailable."""
        ...

    async def allows(self, project: ProjectId, origin: str) -> bool:
        """Whether this project does. Raises Unavailable."""
        ...


class Preflights(ASGIMiddleware):
    """Answers what browsers ask before they call. The state's `origins` are an Origins."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        origin = _header(scope, b"origin")
        asked = _header(scope, b"access-control-request-method")
        if scope.get("method") != "OPTIONS" or origin is None or asked is None:
            await next_app(scope, receive, send)
        elif await _may_read(scope, origin):
            headers = _allowed(_header(scope, b"access-control-request-headers"))
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            raise Forbidden(
                "No project lets pages of this origin call: see the setting 'cors_origins'.",
                code="origin_not_allowed",
            )


async def let_pages_read(message: Message, scope: Scope) -> None:
    """A `before_send` hook, since it sees every answer, errors too."""
    if message["type"] != "http.response.start":
        return
    origin = _header(scope, b"origin")
    if origin is None:
        return
    added = [(b"vary", b"Origin")]
    if await _may_read(scope, origin):
        added += [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"*"),  # all: a token is needed, but no cookies
        ]
    message["headers"] = [*message["headers"], *added]


async def _may_read(scope: Scope, origin: bytes) -> bool:
    """Where nobody is known (a preflight, a token that ran out), the answer holds nobody's data."""
    text = origin.decode("latin-1")
    if len(text) > ORIGIN_LENGTH_MAX:
        return False
    origins: Origins = scope["app"].state["origins"]
    principal: Principal | None = scope.get("auth")
    try:
        if principal is not None:
            return await origins.allows(principal.project, text)
        return await origins.any_allows(text)
    except Unavailable:
        return False


def _allowed(asked: bytes | None) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"access-control-allow-methods", METHODS),
        (b"access-control-max-age", MAX_AGE_SECONDS),
        (b"vary", b"Access-Control-Request-Headers"),
    ]
    if asked and _HEADER_NAMES.fullmatch(asked):
        headers.append((b"access-control-allow-headers", asked))
    return headers


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for header, value in scope["headers"] if header == name), None)
