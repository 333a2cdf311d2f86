"""A user's own sessions: looking at them, and ending them."""

from app.accounts import queries
from app.accounts.parts import AccountParts
from app.accounts.types import EndedSession, EndedSessions, ListedSession, Session
from app.accounts.visitor import Visitor
from app.audit.types import Event, Subject
from app.errors import NotFound
from app.ids import SessionId, UserId, id_text, parse_id
from app.web.pages import Page
from app.web.principal import Principal


async def list_sessions(parts: AccountParts, principal: Principal) -> Page:
    """All that are good: they are bounded, so that there is one page."""
    async with parts.database.tenant(principal.project) as conn:
        found = await queries.list_sessions(conn, principal.project, user_of(principal))
    sessions = [_shown(one, principal.session) for one in found]
    ids = [session.id for session in sessions]
    return Page(data=sessions, first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None)


async def end_session(parts: AccountParts, visitor: Visitor, text: str) -> EndedSession:
    """Raises NotFound."""
    session = parse_id("sess", text)
    if session is None or not await _end(parts, visitor, SessionId(session)):
        raise NotFound(f"Session '{text}' not found.")
    return EndedSession(id=text)


async def log_out(parts: AccountParts, visitor: Visitor) -> EndedSession:
    """One that ended by itself meanwhile is ended all the same."""
    session = visitor.principal.session
    assert session is not None
    await _end(parts, visitor, session)
    return EndedSession(id=id_text("sess", session))


async def log_out_everywhere(parts: AccountParts, visitor: Visitor) -> EndedSessions:
    user = user_of(visitor.principal)
    async with parts.database.tenant(visitor.project) as conn:
        ended = await queries.end_sessions(conn, visitor.project, user)
        about = Subject("user", user)
        await visitor.record(conn, Event.SESSIONS_ENDED, about, count=len(ended))
    parts.authenticator.forget_sessions(ended)
    return EndedSessions(count=len(ended))


async def _end(parts: AccountParts, visitor: Visitor, session: SessionId) -> bool:
    """Whether it was one of theirs."""
    user = user_of(visitor.principal)
    async with parts.database.tenant(visitor.project) as conn:
        ended = await queries.end_session(conn, visitor.project, user, session)
        if ended:
            await visitor.record(conn, Event.SESSION_ENDED, Subject("session", session))
    parts.authenticator.forget_sessions(ended)
    return bool(ended)


def user_of(principal: Principal) -> UserId:
    """Of a session."""
    assert principal.user is not None
    return principal.user


def _shown(session: ListedSession, current: SessionId | None) -> Session:
    return Session(
        id=id_text("sess", session.session_id),
        created_at=session.created_at,
        refreshed_at=session.refreshed_at,
        expires_at=session.expires_at,
        user_agent=session.user_agent,
        address=session.address,
        current=session.session_id == current,
    )
