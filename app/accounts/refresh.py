"""Refreshing a session: each refresh token is good once, and one used again ends the session.

The tokens that follow on a refresh token are made from it, under a key of ours: so the one who
asks again within the time of grace (two tabs at once, an answer that got lost) gets the same, and
nothing but hashes is stored.
"""

import hmac
from hashlib import sha256

import msgspec

from app.accounts import queries
from app.accounts.parts import AccountParts
from app.accounts.sign_in import shown
from app.accounts.types import RotatedSession, SignedIn
from app.accounts.visitor import Visitor
from app.audit.types import Event, Subject
from app.db.sql import Connection
from app.errors import Unauthenticated
from app.identity.secrets import ParsedToken, make_token, parse_token
from app.identity.sessions import REFRESH_MARK, Tokens
from app.ids import ProjectId, SessionId, id_text
from app.web.principal import Kind

REFRESH_MARKS = frozenset({REFRESH_MARK})


class Pair(msgspec.Struct, frozen=True):
    """An access token and a refresh token, as text and as it is stored."""

    access_text: str
    refresh_text: str
    access: ParsedToken
    refresh: ParsedToken


class Stolen(msgspec.Struct, frozen=True):
    """A token that was used before: its session ended."""

    session: SessionId


async def refresh(parts: AccountParts, visitor: Visitor, text: str) -> SignedIn:
    """Raises Unauthenticated."""
    token = parse_token(text, REFRESH_MARKS)
    if token is None or token.project != visitor.project:
        raise _refused()
    settings = await parts.settings.read(visitor.project, None)
    pair = _successors(parts.refresh_key, visitor.project, text)
    async with parts.database.tenant(visitor.project) as conn:
        seconds = settings.session_token_seconds
        found: RotatedSession | Stolen | None = await _rotated(conn, parts, token, pair, seconds)
        if found is None:
            found = await _repeated(conn, parts, visitor, token, pair)
    if isinstance(found, Stolen):
        parts.authenticator.forget_sessions([found.session])
    if not isinstance(found, RotatedSession):
        raise _refused()
    return _shown(found, pair)


async def _rotated(
    conn: Connection, parts: AccountParts, token: ParsedToken, pair: Pair, token_seconds: int
) -> RotatedSession | None:
    session = await queries.rotate_session(
        conn,
        token.project,
        refresh_hash=token.hash,
        prefix=pair.access.prefix,
        token_hash=pair.access.hash,
        next_hash=pair.refresh.hash,
        token_seconds=token_seconds,
    )
    if session is not None:
        most = parts.config.used_refresh_tokens_max
        await queries.keep_used_token(conn, token.project, session, token.hash, most)
    return session


async def _repeated(
    conn: Connection, parts: AccountParts, visitor: Visitor, token: ParsedToken, pair: Pair
) -> RotatedSession | Stolen | None:
    used = await queries.find_used_token(conn, token.project, token.hash, pair.refresh.hash)
    if used is None:
        return None
    if used.age_seconds <= parts.config.refresh_grace_seconds:
        return used if used.is_last else None
    await queries.end_session(conn, token.project, used.user_id, used.session_id)
    session = id_text("sess", used.session_id)
    about = Subject("user", used.user_id)
    await visitor.record(conn, Event.TOKEN_REUSED, about, session=session)
    return Stolen(used.session_id)


def _successors(key: bytes, project: ProjectId, text: str) -> Pair:
    access_text = make_token(project, Kind.SESSION, _derived(key, "access", text))
    refresh_text = make_token(project, REFRESH_MARK, _derived(key, "refresh", text))
    access, refresh = parse_token(access_text), parse_token(refresh_text, REFRESH_MARKS)
    assert access is not None
    assert refresh is not None
    return Pair(access_text, refresh_text, access, refresh)


def _derived(key: bytes, sort: str, text: str) -> bytes:
    return hmac.digest(key, f"{sort}:{text}".encode(), sha256)


def _shown(session: RotatedSession, pair: Pair) -> SignedIn:
    tokens = Tokens(
        session=session.session_id,
        access_token=pair.access_text,
        access_expires_at=session.token_expires_at,
        refresh_token=pair.refresh_text,
        expires_at=session.expires_at,
    )
    return shown(tokens, session.external_id)


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "This refresh token is not good: log in again.", code="invalid_refresh_token"
    )
