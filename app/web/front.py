"""What every request passes first and last: its id, its time, and whether it may enter."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.db.database import acting_user
from app.errors import (
    BackstoryError,
    BodyTimeout,
    Forbidden,
    InvalidRequest,
    TooLarge,
    Unauthenticated,
)
from app.ids import id_text, new_id
from app.web.address import address_of
from app.web.principal import ADMITTED, Access, Kind, Principal
from app.web.principal import Scope as KeyScope

READ_AWAY_BYTES_MAX = 256 * 2**20
READ_AWAY_SECONDS_MAX = 10.0
SILENCE_SECONDS_MAX = 90.0
"""Within a body; longer than an import waits, which keeps what has come."""

_SPEAKERS = {
    Kind.KEY: "An API key",
    Kind.PUBLISHABLE: "A publishable key",
    Kind.SESSION: "A session",
}

Authenticate = Callable[[str, str | None], Awaitable[Principal]]
"""By a token, and the address that it comes from."""


class FrontDoor(ASGIMiddleware):
    """Lets in whom a route's `opt` lets in (see `guarded`); the principal goes to scope["auth"].

    How a token is known is the state's `authenticate`, an Authenticate.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        visit(scope)
        try:
            await let_in(scope)
        except BackstoryError as error:
            if scope["type"] == ScopeType.HTTP:
                await _read_away(receive)
                raise
            # A WebSocket can say why only once it is open: its route does, without a principal.
            scope["state"]["refused"] = error
        await next_app(scope, _in_time(receive), send)


async def let_in(scope: Scope) -> None:
    """Sets scope["auth"]. Raises what keeps a request out; for connections, now and again."""
    _check_size(scope)
    _check_query(scope)
    opt = scope["route_handler"].opt
    acting_user.set(None)
    if opt.get("access") is not Access.PUBLIC:
        authenticate: Authenticate = scope["app"].state["authenticate"]
        principal = await authenticate(bearer_token(scope), address_of(scope))
        scope["auth"] = principal
        _check_scope(principal, opt)
        acting_user.set(principal.user)


def _in_time(receive: Receive) -> Receive:
    """A body of which nothing more comes holds up nobody for ever; after it there is no hurry."""
    whole = False

    async def received() -> Any:
        nonlocal whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout(SILENCE_SECONDS_MAX):
                message = await receive()
        except TimeoutError:
            raise BodyTimeout("The rest of the request's body did not come in time.") from None
        whole = message["type"] != "http.request" or not message.get("more_body")
        return message

    return received


async def _read_away(receive: Receive) -> None:
    """Where the body is left unread the connection breaks, and the client never sees our answer."""
    left = READ_AWAY_BYTES_MAX
    with suppress(TimeoutError):
        async with asyncio.timeout(READ_AWAY_SECONDS_MAX):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
                left -= len(message["body"])


def visit(scope: Scope) -> tuple[UUID, float]:
    """The request's id and when it came (of time.perf_counter), fixed at the first call."""
    state: dict[str, Any] = scope.setdefault("state", {})
    if "visit" not in state:
        state["visit"] = (new_id(), time.perf_counter())
    found: tuple[UUID, float] = state["visit"]
    return found


def request_id(scope: Scope) -> str:
    return id_text("req", visit(scope)[0])


async def add_request_id(message: Message, scope: Scope) -> None:
    """A `before_send` hook, since it sees every answer, those of failed routing too."""
    if message["type"] == "http.response.start":
        added = (b"x-request-id", request_id(scope).encode())
        message["headers"] = [*message["headers"], added]


def bearer_token(scope: Scope) -> str:
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    kind, _, token = header.decode("latin-1").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "You didn't provide an API key: send it as 'Authorization: Bearer bs_sk_…'.",
            code="missing_api_key",
        )
    return token.strip()


def _check_size(scope: Scope) -> None:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    handler = scope["route_handler"]
    most = (
        handler.resolve_request_max_body_size() if isinstance(handler, HTTPRouteHandler) else None
    )
    if most is not None and length.isdigit() and int(length) > most:
        raise TooLarge(f"The body of the request is larger than {most} bytes.")


def _check_query(scope: Scope) -> None:
    """No text in Postgres can hold a NUL: what asks for one finds nothing, and is told why."""
    if b"%00" in scope["query_string"]:
        raise InvalidRequest("The query of the URL may not hold a NUL character.")


def _check_scope(principal: Principal, opt: dict[str, Any]) -> None:
    """A route that says nothing lets in nobody. Raises Forbidden."""
    needed: KeyScope | None = opt.get("scope")
    if "access" not in opt:
        raise Forbidden("Nobody may do this.")
    if principal.kind not in ADMITTED[opt["access"]]:
        raise Forbidden(f"{_SPEAKERS[principal.kind]} may not do this.")
    if opt["access"] is Access.ADMIN:
        principal.must_have(KeyScope.ADMIN)
    if needed is not None and principal.kind is not Kind.PUBLISHABLE:
        principal.must_have(needed)
