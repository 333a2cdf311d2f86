"""Setting a new password: by who knows the old one, or by a token that was delivered to them."""

from datetime import UTC, datetime, timedelta

from app.accounts import queries
from app.accounts.emails import normal_email
from app.accounts.guesses import count, forgive, guess_at
from app.accounts.parts import AccountParts
from app.accounts.passwords import check_new, check_size
from app.accounts.sessions import user_of
from app.accounts.types import (
    ChangedPassword,
    OwnLogin,
    PasswordBody,
    PasswordReset,
    ResetBody,
    StoredAccount,
)
from app.accounts.visitor import Visitor
from app.audit.failures import Failure
from app.audit.types import Event, Subject
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound
from app.identity.secrets import ParsedToken, make_token, parse_token
from app.identity.users import check_name
from app.ids import ProjectId, UserId

RESET_MARK = "bs_pr_"
RESET_SECONDS_MIN = 60


async def change_password(
    parts: AccountParts, visitor: Visitor, asked: PasswordBody
) -> ChangedPassword:
    """Ends the user's other sessions. Raises Forbidden where the current password is wrong."""
    check_size(asked.current_password, "current_password")
    check_new(asked.new_password, "new_password")
    principal, project = visitor.principal, visitor.project
    login = await _proven(parts, visitor, asked.current_password)
    password_hash = await parts.passwords.hash(asked.new_password)
    async with parts.database.tenant(project) as conn:
        if not await queries.replace_password(conn, project, login, password_hash):
            raise Conflict("The password was changed meanwhile.")
        await queries.delete_reset(conn, project, login.user_id)
        ended = await queries.end_sessions(conn, project, login.user_id, principal.session)
        await visitor.record(conn, Event.PASSWORD_CHANGED, Subject("user", login.user_id))
    parts.authenticator.forget_sessions(ended)
    return ChangedPassword(sessions_ended=len(ended))


async def ask_reset(
    parts: AccountParts, visitor: Visitor, name: str, expires_in: int | None
) -> PasswordReset:
    """Raises NotFound, or Conflict where the user has no address to log in with."""
    check_name(name)
    async with parts.database.tenant(visitor.project) as conn:
        account = await queries.find_account(conn, visitor.project, name)
    if account is None:
        raise NotFound(f"User '{name}' not found.")
    return await _reset_token(parts, visitor, account, expires_in)


async def ask_reset_by_email(
    parts: AccountParts, visitor: Visitor, email: str, expires_in: int | None
) -> PasswordReset:
    """Raises NotFound, which the application must not pass on."""
    async with parts.database.tenant(visitor.project) as conn:
        account = await queries.find_account_by_email(conn, visitor.project, normal_email(email))
    if account is None:
        raise NotFound("No user has this e-mail address.", param="email")
    return await _reset_token(parts, visitor, account, expires_in)


async def reset_password(
    parts: AccountParts, visitor: Visitor, asked: ResetBody
) -> ChangedPassword:
    """Uses the token up, and ends all the user's sessions. Raises InvalidRequest."""
    check_new(asked.password)
    project = visitor.project
    token, user = await _known_token(parts, project, asked.token)
    password_hash = await parts.passwords.hash(asked.password)
    async with parts.database.tenant(project) as conn:
        # First, as whoever changes it: two who wait for each other would both fail.
        await queries.set_password(conn, project, user, password_hash)
        login = await queries.find_login_of(conn, project, user)
        if not await queries.take_reset(conn, project, user, token.hash) or login is None:
            raise _refused()
        await forgive(conn, guess_at(parts, visitor, login.email).of_account)
        ended = await queries.end_sessions(conn, project, user)
        await visitor.record(conn, Event.PASSWORD_RESET, Subject("user", user))
    parts.authenticator.forget_sessions(ended)
    return ChangedPassword(sessions_ended=len(ended))


async def _proven(parts: AccountParts, visitor: Visitor, password: str) -> OwnLogin:
    """What the user of a session logs in with, where this is their password."""
    project = visitor.project
    parts.passwords.check_room()
    async with parts.database.tenant(project) as conn:
        login = await queries.find_login_of(conn, project, user_of(visitor.principal))
        if login is None or login.password_hash is None:
            raise Conflict("This user has no password.", code="no_password")
        guess = guess_at(parts, visitor, login.email)
        await count(conn, parts, guess)
    if not await parts.passwords.match(password, login.password_hash):
        tried = Subject("user", login.user_id)
        parts.failures.note(Failure(project, Event.SIGN_IN_FAILED, tried, visitor.address))
        raise Forbidden(
            "The current password is wrong.", param="current_password", code="wrong_password"
        )
    async with parts.database.tenant(project) as conn:
        await forgive(conn, guess)
    return login


async def _reset_token(
    parts: AccountParts, visitor: Visitor, account: StoredAccount, expires_in: int | None
) -> PasswordReset:
    project = visitor.project
    if account.email is None:
        raise Conflict("This user has no e-mail address to log in with.", code="no_email")
    seconds = _seconds(parts, expires_in)
    text = make_token(project, RESET_MARK)
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    async with parts.database.tenant(project) as conn:
        await queries.put_reset(conn, project, account.user_id, _parsed(text).hash, expires_at)
        await visitor.record(conn, Event.RESET_REQUESTED, Subject("user", account.user_id))
    return PasswordReset(
        user=account.external_id, email=account.email, token=text, expires_at=expires_at
    )


def _seconds(parts: AccountParts, expires_in: int | None) -> int:
    most = parts.config.password_reset_seconds_max
    seconds = parts.config.password_reset_seconds if expires_in is None else expires_in
    if not RESET_SECONDS_MIN <= seconds <= most:
        raise InvalidRequest(
            f"'expires_in' must be from {RESET_SECONDS_MIN} to {most}.", param="expires_in"
        )
    return seconds


async def _known_token(
    parts: AccountParts, project: ProjectId, text: str
) -> tuple[ParsedToken, UserId]:
    """And whose it is. Looked up before anything is hashed: to make one up costs us nothing."""
    token = parse_token(text, frozenset({RESET_MARK}))
    if token is None or token.project != project:
        raise _refused()
    async with parts.database.tenant(project) as conn:
        user = await queries.find_reset(conn, project, token.hash)
    if user is None:
        raise _refused()
    return token, user


def _parsed(text: str) -> ParsedToken:
    token = parse_token(text, frozenset({RESET_MARK}))
    assert token is not None
    return token


def _refused() -> InvalidRequest:
    return InvalidRequest(
        "This token is not good: it was used, has run out, or another came after it.",
        param="token",
        code="invalid_reset_token",
    )
