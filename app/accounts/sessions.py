"""A user's own sessions: looking at them, and ending them."""

from app.accounts import queries
from app.accounts.parts import AccountParts
from app.accounts.types import EndedSession, EndedSessions, ListedSession, Session
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


async def end_session(parts: AccountParts, principal: Principal, text: str) -> EndedSession:
    """Raises NotFound."""
    session = parse_id("sess", text)
    ended: list[SessionId] = []
    if session is not None:
        async with parts.database.tenant(principal.project) as conn:
            user = user_of(principal)
            ended = await queries.end_session(conn, principal.project, user, SessionId(session))
    if not ended:
        raise NotFound(f"Session '{text}' not found.")
    parts.authenticator.forget_sessions(ended)
    return EndedSession(id=text)


async def log_out(parts: AccountParts, principal: Principal) -> EndedSession:
    """One that ended by itself meanwhile is ended all the same."""
    assert principal.session is not None
    user = user_of(principal)
    async with parts.database.tenant(principal.project) as conn:
        await queries.end_session(conn, principal.project, user, principal.session)
    parts.authenticator.forget_sessions([principal.session])
    return EndedSession(id=id_text("sess", principal.session))


async def log_out_everywhere(parts: AccountParts, principal: Principal) -> EndedSessions:
    async with parts.database.tenant(principal.project) as conn:
        ended = await queries.end_sessions(conn, principal.project, user_of(principal))
    parts.authenticator.forget_sessions(ended)
    return EndedSessions(count=len(ended))


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
