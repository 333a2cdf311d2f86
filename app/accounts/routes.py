"""/v1/auth: for users and their browsers."""

from typing import Any

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.accounts import accounts, change_password, refresh, sessions, sign_in
from app.accounts.parts import AccountParts
from app.accounts.types import (
    ChangedPassword,
    Credentials,
    EndedSession,
    EndedSessions,
    Me,
    PasswordBody,
    RefreshBody,
    ResetBody,
    SignedIn,
)
from app.accounts.visitor import visitor_of
from app.ids import id_text
from app.web.body import decode, takes
from app.web.pages import Page
from app.web.principal import Access, Scope, guarded

SIGN_IN = guarded(Access.SIGN_IN, Scope.USERS)
USER = guarded(Access.USER)

Asking = Request[Any, Any, Any]

BODY_BYTES_MAX = 64 * 2**10
"""Anybody may send one, and none needs more."""


@post(
    "/v1/auth/signup",
    opt=SIGN_IN,
    status_code=200,
    operation_class=takes(Credentials),
    request_max_body_size=BODY_BYTES_MAX,
)
async def sign_up(request: Asking, signing: NamedDependency[AccountParts]) -> SignedIn:
    """Makes a user and begins a session, where the project lets users sign up."""
    asked = decode(await request.body(), Credentials)
    return await sign_in.sign_up(signing, visitor_of(request), asked)


@post(
    "/v1/auth/login",
    opt=SIGN_IN,
    status_code=200,
    operation_class=takes(Credentials),
    request_max_body_size=BODY_BYTES_MAX,
)
async def log_in(request: Asking, signing: NamedDependency[AccountParts]) -> SignedIn:
    """Begins a session."""
    asked = decode(await request.body(), Credentials)
    return await sign_in.log_in(signing, visitor_of(request), asked)


@post(
    "/v1/auth/refresh",
    opt=SIGN_IN,
    status_code=200,
    operation_class=takes(RefreshBody),
    request_max_body_size=BODY_BYTES_MAX,
)
async def refresh_session(request: Asking, signing: NamedDependency[AccountParts]) -> SignedIn:
    """New tokens for the session; the ones before are no longer good."""
    asked = decode(await request.body(), RefreshBody)
    visitor = visitor_of(request)
    return await refresh.refresh(signing, visitor, asked.refresh_token)


@post(
    "/v1/auth/reset",
    opt=SIGN_IN,
    status_code=200,
    operation_class=takes(ResetBody),
    request_max_body_size=BODY_BYTES_MAX,
)
async def reset_password(
    request: Asking, signing: NamedDependency[AccountParts]
) -> ChangedPassword:
    """Sets a password by a token that the application delivered; ends all sessions."""
    asked = decode(await request.body(), ResetBody)
    visitor = visitor_of(request)
    return await change_password.reset_password(signing, visitor, asked)


@post("/v1/auth/logout", opt=USER, status_code=200)
async def log_out(request: Asking, signing: NamedDependency[AccountParts]) -> EndedSession:
    """Ends the session that speaks."""
    return await sessions.log_out(signing, visitor_of(request))


@post("/v1/auth/logout_all", opt=USER, status_code=200)
async def log_out_everywhere(
    request: Asking, signing: NamedDependency[AccountParts]
) -> EndedSessions:
    """Ends all sessions of the user."""
    return await sessions.log_out_everywhere(signing, visitor_of(request))


@get("/v1/auth/me", opt=USER)
async def get_me(request: Asking, signing: NamedDependency[AccountParts]) -> Me:
    """The user whose session speaks."""
    user = await _own_account(signing, request)
    session = id_text("sess", request.auth.session)
    return Me(**msgspec.structs.asdict(user), session=session)


@get("/v1/auth/sessions", opt=USER)
async def list_sessions(request: Asking, signing: NamedDependency[AccountParts]) -> Page:
    """The user's sessions that are good, the newest first."""
    return await sessions.list_sessions(signing, request.auth)


@delete("/v1/auth/sessions/{session_id:str}", opt=USER, status_code=200)
async def end_session(
    request: Asking, session_id: FromPath[str], signing: NamedDependency[AccountParts]
) -> EndedSession:
    """Ends one of the user's sessions."""
    return await sessions.end_session(signing, visitor_of(request), session_id)


@post(
    "/v1/auth/password",
    opt=USER,
    status_code=200,
    operation_class=takes(PasswordBody),
    request_max_body_size=BODY_BYTES_MAX,
)
async def set_password(request: Asking, signing: NamedDependency[AccountParts]) -> ChangedPassword:
    """Changes the user's password; ends their other sessions."""
    asked = decode(await request.body(), PasswordBody)
    visitor = visitor_of(request)
    return await change_password.change_password(signing, visitor, asked)


async def _own_account(parts: AccountParts, request: Asking) -> Any:
    return await accounts.get_user(parts, request.auth.project, request.auth.external_id)


ROUTES = [
    sign_up,
    log_in,
    refresh_session,
    reset_password,
    log_out,
    log_out_everywhere,
    get_me,
    list_sessions,
    end_session,
    set_password,
]
