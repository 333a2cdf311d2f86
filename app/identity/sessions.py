"""Sessions: a user's log-in in one browser, with an access token that is short of life."""

from datetime import UTC, datetime, timedelta

import msgspec

from app.db.sql import Connection
from app.identity import queries
from app.identity.secrets import make_token, parse_token
from app.ids import ProjectId, SessionId, UserId, new_id
from app.web.principal import Kind

REFRESH_MARK = "bs_rt_"


class Tokens(msgspec.Struct, frozen=True):
    """Shown once, to the one who logs in."""

    session: SessionId
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    expires_at: datetime
    """Of the session, however often it is refreshed."""


async def begin_session(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    *,
    token_seconds: float,
    session_seconds: float,
    user_agent: str | None = None,
    address: str | None = None,
) -> Tokens:
    now = datetime.now(UTC)
    tokens = Tokens(
        session=SessionId(new_id()),
        access_token=make_token(project, Kind.SESSION),
        access_expires_at=now + timedelta(seconds=token_seconds),
        refresh_token=make_token(project, REFRESH_MARK),
        expires_at=now + timedelta(seconds=session_seconds),
    )
    access = parse_token(tokens.access_token)
    refresh = parse_token(tokens.refresh_token, frozenset({REFRESH_MARK}))
    assert access is not None
    assert refresh is not None
    await queries.insert_session(
        conn,
        project,
        session_id=tokens.session,
        user_id=user,
        prefix=access.prefix,
        token_hash=access.hash,
        token_expires_at=tokens.access_expires_at,
        refresh_hash=refresh.hash,
        expires_at=tokens.expires_at,
        user_agent=user_agent,
        address=address,
    )
    return tokens
