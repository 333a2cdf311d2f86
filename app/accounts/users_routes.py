"""/v1/users: for the application, with its key."""

from typing import Any

from litestar import Request, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.accounts import accounts, change_password, sign_in
from app.accounts.parts import AccountParts
from app.accounts.types import (
    AskResetBody,
    AskResetOfBody,
    NewUser,
    PasswordReset,
    SignedIn,
    User,
    UserPatch,
)
from app.accounts.visitor import visitor_of
from app.web.body import decode, takes
from app.web.pages import Page, page_query
from app.web.principal import Access, Scope, guarded, user_named_by

USERS = guarded(Access.KEY, Scope.USERS)

Asking = Request[Any, Any, Any]


@post("/v1/users", opt=USERS, status_code=200, operation_class=takes(NewUser))
async def create_user(request: Asking, signing: NamedDependency[AccountParts]) -> User:
    """Makes a user; with an e-mail address they can log in once they have a password."""
    asked = decode(await request.body(), NewUser)
    return await accounts.create_user(signing, visitor_of(request), asked)


@get("/v1/users", opt=USERS)
async def list_users(request: Asking, signing: NamedDependency[AccountParts]) -> Page:
    """All users, the newest first; or by `email` the one who has it."""
    query = request.query_params
    paging = page_query(query, signing.config.list_limit_max)
    return await accounts.list_users(signing, request.auth.project, query.get("email"), paging)


@get("/v1/users/{user:str}", opt=USERS)
async def get_user(
    request: Asking, user: FromPath[str], signing: NamedDependency[AccountParts]
) -> User:
    return await accounts.get_user(signing, request.auth.project, _name(request, user))


@patch("/v1/users/{user:str}", opt=USERS, status_code=200, operation_class=takes(UserPatch))
async def change_user(
    request: Asking, user: FromPath[str], signing: NamedDependency[AccountParts]
) -> User:
    """Changes what is sent: `email` (null: none), `password`, `metadata`, `disabled`."""
    asked = decode(await request.body(), UserPatch)
    return await accounts.change_user(signing, visitor_of(request), _name(request, user), asked)


@post("/v1/users/{user:str}/sessions", opt=USERS, status_code=200)
async def create_session(
    request: Asking, user: FromPath[str], signing: NamedDependency[AccountParts]
) -> SignedIn:
    """A session for a user whom the application knows by its own log-in; made on first use."""
    caller = await signing.users.caller_at(request, user)
    return await sign_in.mint(signing, visitor_of(request), caller)


@post(
    "/v1/users/{user:str}/password_reset",
    opt=USERS,
    status_code=200,
    operation_class=takes(AskResetOfBody),
)
async def ask_reset(
    request: Asking, user: FromPath[str], signing: NamedDependency[AccountParts]
) -> PasswordReset:
    """A token that sets the user's password once, for the application to deliver."""
    body = await request.body()
    asked = decode(body, AskResetOfBody) if body else AskResetOfBody()
    name = _name(request, user)
    return await change_password.ask_reset(signing, visitor_of(request), name, asked.expires_in)


@post(
    "/v1/auth/password_reset",
    opt=USERS,
    status_code=200,
    operation_class=takes(AskResetBody),
)
async def ask_reset_by_email(
    request: Asking, signing: NamedDependency[AccountParts]
) -> PasswordReset:
    """The same for the user who has an e-mail address. A 404 is the application's alone."""
    asked = decode(await request.body(), AskResetBody)
    visitor = visitor_of(request)
    return await change_password.ask_reset_by_email(signing, visitor, asked.email, asked.expires_in)


def _name(request: Asking, user: str) -> str:
    name = user_named_by(request, user)
    assert name is not None
    return name


ROUTES = [
    create_user,
    list_users,
    get_user,
    change_user,
    create_session,
    ask_reset,
    ask_reset_by_email,
]
