"""Beginning a session: by signing up, by a password, or for a user of the application's own."""

from datetime import UTC, datetime

from app.accounts import queries
from app.accounts.emails import normal_email
from app.accounts.guesses import Guess, count, forgive, guess_at, sign_up_by
from app.accounts.parts import AccountParts
from app.accounts.passwords import check_new, check_size
from app.accounts.types import Credentials, SignedIn, StoredLogin
from app.accounts.visitor import Visitor
from app.audit.failures import Failure
from app.audit.types import Event, Subject
from app.db.sql import Connection
from app.errors import Conflict, Forbidden, InvalidRequest, Unauthenticated
from app.identity.sessions import Tokens, begin_session
from app.ids import ProjectId, UserId, id_text, new_id
from app.settings.types import GatewaySettings
from app.web.principal import Caller

DISABLED = "This user is disabled."


async def sign_up(parts: AccountParts, visitor: Visitor, asked: Credentials) -> SignedIn:
    """A new user with a name that we make: one that they chose could be another's already.

    Raises Forbidden where the project lets nobody sign up, TooManyRequests, InvalidRequest.
    """
    email = normal_email(asked.email)
    check_new(asked.password)
    settings = await parts.settings.read(visitor.project, None)
    if settings.signup == "off":
        raise Forbidden("This project lets nobody sign up by themselves.", code="signup_disabled")
    parts.passwords.check_room()
    async with parts.database.tenant(visitor.project) as conn:
        await count(conn, parts, sign_up_by(parts, visitor))
    password_hash = await parts.passwords.hash(asked.password)
    user = UserId(new_id())
    async with parts.database.tenant(visitor.project) as conn:
        await _insert(conn, visitor.project, user, email, password_hash)
        name = id_text("user", user)
        return await _begin(conn, parts, visitor, settings, user, name, Event.SIGNED_UP)


async def log_in(parts: AccountParts, visitor: Visitor, asked: Credentials) -> SignedIn:
    """Raises Unauthenticated, the same and as late whether or not there is such a user, Forbidden
    for one who is disabled, and TooManyRequests."""
    email = normal_email(asked.email)
    check_size(asked.password)
    settings = await parts.settings.read(visitor.project, None)
    parts.passwords.check_room()
    guess = guess_at(parts, visitor, email)
    async with parts.database.tenant(visitor.project) as conn:
        await count(conn, parts, guess)
        login = await queries.find_login(conn, visitor.project, email)
    right = await parts.passwords.match(asked.password, login.password_hash if login else None)
    if login is None or login.password_hash is None or not right:
        tried = Subject("user", login.user_id) if login else None
        failure = Failure(visitor.project, Event.SIGN_IN_FAILED, tried, visitor.address)
        parts.failures.note(failure)
        raise _wrong()
    await _rehash(parts, visitor.project, login.user_id, login.password_hash, asked.password)
    return await _let_in(parts, visitor, settings, guess, login)


async def mint(parts: AccountParts, visitor: Visitor, caller: Caller) -> SignedIn:
    """A session for a user whom the application knows by its own log-in. Raises Forbidden."""
    settings = await parts.settings.read(visitor.project, None)
    minted = await _mint(parts, visitor, settings, caller.owner)
    if minted is None:  # erased at another worker, and not yet forgotten here
        parts.users.forget(caller.project, caller.owner, caller.external_id or "")
        made = await parts.users.caller(visitor.principal, caller.external_id)
        minted = await _mint(parts, visitor, settings, made.owner)
    if minted is None:
        raise Conflict("This user is erased at this moment.")
    return minted


async def _mint(
    parts: AccountParts, visitor: Visitor, settings: GatewaySettings, user: UserId
) -> SignedIn | None:
    async with parts.database.tenant(visitor.project) as conn:
        held = await queries.hold_user(conn, visitor.project, user)
        if held is None:
            return None
        if held.disabled_at is not None:
            raise Forbidden(DISABLED, code="user_disabled")
        name = held.external_id
        return await _begin(conn, parts, visitor, settings, user, name, Event.SESSION_CREATED)


async def _begin(
    conn: Connection,
    parts: AccountParts,
    visitor: Visitor,
    settings: GatewaySettings,
    user: UserId,
    external_id: str,
    event: Event,
) -> SignedIn:
    """A session that begins; of too many the oldest end."""
    tokens = await begin_session(
        conn,
        visitor.project,
        user,
        token_seconds=min(settings.session_token_seconds, settings.session_seconds),
        session_seconds=settings.session_seconds,
        user_agent=visitor.user_agent,
        address=visitor.address,
    )
    most = parts.config.sessions_per_user_max
    ended = await queries.end_oldest_sessions(conn, visitor.project, user, most)
    parts.authenticator.forget_sessions(ended)
    session = id_text("sess", tokens.session)
    await visitor.record(conn, event, Subject("user", user), session=session)
    return shown(tokens, external_id)


def shown(tokens: Tokens, external_id: str) -> SignedIn:
    left = (tokens.access_expires_at - datetime.now(UTC)).total_seconds()
    return SignedIn(
        id=id_text("sess", tokens.session),
        user=external_id,
        access_token=tokens.access_token,
        expires_in=max(0, round(left)),
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
    )


async def _insert(
    conn: Connection, project: ProjectId, user: UserId, email: str, password_hash: str
) -> None:
    """Raises InvalidRequest, which does not say that the address is another's."""
    await queries.insert_account(conn, project, user, id_text("user", user), {})
    if not await queries.insert_login(conn, project, user, email, password_hash):
        raise InvalidRequest("This sign-up is not possible.", code="signup_refused")


async def _rehash(
    parts: AccountParts, project: ProjectId, user: UserId, stored: str, password: str
) -> None:
    """Where the parameters of hashing have changed since."""
    if not parts.passwords.is_outdated(stored):
        return
    fresh = await parts.passwords.hash(password)
    async with parts.database.tenant(project) as conn:
        await queries.rehash_password(conn, project, user, stored, fresh)


async def _let_in(
    parts: AccountParts,
    visitor: Visitor,
    settings: GatewaySettings,
    guess: Guess,
    login: StoredLogin,
) -> SignedIn:
    async with parts.database.tenant(visitor.project) as conn:
        held = await queries.confirm_login(conn, visitor.project, login)
        if held is None:
            raise _wrong()  # it was changed, or they were erased, while it was compared
        await forgive(conn, guess)
        user, name = login.user_id, held.external_id
        if held.disabled_at is None:
            return await _begin(conn, parts, visitor, settings, user, name, Event.SIGNED_IN)
    raise Forbidden(DISABLED, code="user_disabled")


def _wrong() -> Unauthenticated:
    return Unauthenticated(
        "The e-mail address or the password is wrong.", code="invalid_credentials"
    )
