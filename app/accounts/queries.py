"""Typed access to queries.sql."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.accounts.types import (
    HeldUser,
    ListedSession,
    OwnLogin,
    RotatedSession,
    StoredAccount,
    StoredLogin,
    UsedToken,
)
from app.db.sql import Connection, load
from app.ids import ProjectId, SessionId, UserId


class Owner(msgspec.Struct, frozen=True):
    user_id: UserId


LOWEST_ID = UserId(UUID(int=0))
HIGHEST_ID = UserId(UUID(int=2**128 - 1))

_sql = load(__file__)
_find_account = _sql.rows("find_account", StoredAccount)
_find_account_by_email = _sql.rows("find_account_by_email", StoredAccount)
_list_accounts_up = _sql.rows("list_accounts_up", StoredAccount)
_list_accounts_down = _sql.rows("list_accounts_down", StoredAccount)
_insert_account = _sql.statement("insert_account")
_update_account = _sql.statement("update_account")
_insert_login = _sql.statement("insert_login")
_update_email = _sql.statement("update_email")
_delete_login = _sql.statement("delete_login")
_find_login = _sql.rows("find_login", StoredLogin)
_find_login_of = _sql.rows("find_login_of", OwnLogin)
_confirm_login = _sql.rows("confirm_login", HeldUser)
_hold_user = _sql.rows("hold_user", HeldUser)
_set_password = _sql.statement("set_password")
_replace_password = _sql.statement("replace_password")
_rehash_password = _sql.statement("rehash_password")
_count_guess = _sql.statement("count_guess")
_seconds_to_wait = _sql.statement("seconds_to_wait")
_forget_guesses = _sql.statement("forget_guesses")
_uncount_guess = _sql.statement("uncount_guess")
_end_oldest_sessions = _sql.statement("end_oldest_sessions")
_end_session = _sql.statement("end_session")
_end_sessions = _sql.statement("end_sessions")
_list_sessions = _sql.rows("list_sessions", ListedSession)
_rotate_session = _sql.rows("rotate_session", RotatedSession)
_keep_used_token = _sql.statement("keep_used_token")
_drop_used_tokens = _sql.statement("drop_used_tokens")
_find_used_token = _sql.rows("find_used_token", UsedToken)
_put_reset = _sql.statement("put_reset")
_find_reset = _sql.rows("find_reset", Owner)
_take_reset = _sql.statement("take_reset")
_delete_reset = _sql.statement("delete_reset")


async def find_account(conn: Connection, project: ProjectId, name: str) -> StoredAccount | None:
    return await _find_account.one(conn, project=project, external_id=name)


async def find_account_by_email(
    conn: Connection, project: ProjectId, email: str
) -> StoredAccount | None:
    return await _find_account_by_email.one(conn, project=project, email=email)


async def list_accounts(
    conn: Connection, project: ProjectId, *, descending: bool, cursor: UserId | None, most: int
) -> list[StoredAccount]:
    if descending:
        below = cursor or HIGHEST_ID
        return await _list_accounts_down.all(conn, project=project, before=below, most=most)
    above = cursor or LOWEST_ID
    return await _list_accounts_up.all(conn, project=project, after=above, most=most)


async def insert_account(
    conn: Connection, project: ProjectId, user: UserId, name: str, metadata: dict[str, Any]
) -> bool:
    """Whether nobody had the name."""
    inserted = await _insert_account.run(
        conn, project=project, user_id=user, external_id=name, metadata=metadata
    )
    return inserted == 1


async def update_account(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    *,
    metadata: dict[str, Any] | None,
    disabled: bool | None,
) -> None:
    await _update_account.run(
        conn, project=project, user_id=user, metadata=metadata, disabled=disabled
    )


async def insert_login(
    conn: Connection, project: ProjectId, user: UserId, email: str, password_hash: str | None
) -> bool:
    """Whether nobody had the address, nor the user one."""
    inserted = await _insert_login.run(
        conn, project=project, user_id=user, email=email, password_hash=password_hash
    )
    return inserted == 1


async def update_email(conn: Connection, project: ProjectId, user: UserId, email: str) -> None:
    """Raises asyncpg.UniqueViolationError where the address is another's."""
    await _update_email.run(conn, project=project, user_id=user, email=email)


async def delete_login(conn: Connection, project: ProjectId, user: UserId) -> None:
    await _delete_login.run(conn, project=project, user_id=user)


async def find_login(conn: Connection, project: ProjectId, email: str) -> StoredLogin | None:
    return await _find_login.one(conn, project=project, email=email)


async def find_login_of(conn: Connection, project: ProjectId, user: UserId) -> OwnLogin | None:
    return await _find_login_of.one(conn, project=project, user_id=user)


async def confirm_login(
    conn: Connection, project: ProjectId, login: StoredLogin
) -> HeldUser | None:
    return await _confirm_login.one(
        conn, project=project, user_id=login.user_id, password_set_at=login.password_set_at
    )


async def hold_user(conn: Connection, project: ProjectId, user: UserId) -> HeldUser | None:
    return await _hold_user.one(conn, project=project, user_id=user)


async def set_password(
    conn: Connection, project: ProjectId, user: UserId, password_hash: str
) -> bool:
    """False where the user logs in with nothing."""
    where = {"project": project, "user_id": user}
    return await _set_password.run(conn, **where, password_hash=password_hash) == 1


async def replace_password(
    conn: Connection, project: ProjectId, login: OwnLogin, password_hash: str
) -> bool:
    """Whether it was still the one that was found right."""
    replaced = await _replace_password.run(
        conn,
        project=project,
        user_id=login.user_id,
        password_set_at=login.password_set_at,
        password_hash=password_hash,
    )
    return replaced == 1


async def rehash_password(
    conn: Connection, project: ProjectId, user: UserId, outdated: str, password_hash: str
) -> None:
    await _rehash_password.run(
        conn, project=project, user_id=user, outdated=outdated, password_hash=password_hash
    )


async def count_guess(
    conn: Connection, project: ProjectId, subject: bytes, **bounds: float
) -> bool:
    """False where the subject is to wait."""
    tries = await _count_guess.value(conn, project=project, subject=subject, **bounds)
    return tries is not None


async def seconds_to_wait(conn: Connection, project: ProjectId, subject: bytes) -> float:
    found = await _seconds_to_wait.value(conn, project=project, subject=subject)
    return float(found or 0)


async def forget_guesses(conn: Connection, project: ProjectId, subject: bytes) -> None:
    await _forget_guesses.run(conn, project=project, subject=subject)


async def uncount_guess(conn: Connection, project: ProjectId, subject: bytes) -> None:
    await _uncount_guess.run(conn, project=project, subject=subject)


async def end_oldest_sessions(
    conn: Connection, project: ProjectId, user: UserId, most: int
) -> list[SessionId]:
    return await _end_oldest_sessions.values(conn, project=project, user_id=user, most=most)


async def end_session(
    conn: Connection, project: ProjectId, user: UserId, session: SessionId
) -> list[SessionId]:
    return await _end_session.values(conn, project=project, user_id=user, session_id=session)


async def end_sessions(
    conn: Connection, project: ProjectId, user: UserId, but: SessionId | None = None
) -> list[SessionId]:
    return await _end_sessions.values(conn, project=project, user_id=user, but=but)


async def list_sessions(conn: Connection, project: ProjectId, user: UserId) -> list[ListedSession]:
    return await _list_sessions.all(conn, project=project, user_id=user)


async def rotate_session(
    conn: Connection, project: ProjectId, **tokens: Any
) -> RotatedSession | None:
    return await _rotate_session.one(conn, project=project, **tokens)


async def keep_used_token(
    conn: Connection, project: ProjectId, session: RotatedSession, token_hash: bytes, most: int
) -> None:
    await _keep_used_token.run(
        conn,
        project=project,
        token_hash=token_hash,
        session_id=session.session_id,
        user_id=session.user_id,
    )
    await _drop_used_tokens.run(conn, project=project, session_id=session.session_id, most=most)


async def find_used_token(
    conn: Connection, project: ProjectId, token_hash: bytes, next_hash: bytes
) -> UsedToken | None:
    return await _find_used_token.one(
        conn, project=project, token_hash=token_hash, next_hash=next_hash
    )


async def put_reset(
    conn: Connection, project: ProjectId, user: UserId, token_hash: bytes, expires_at: datetime
) -> None:
    await _put_reset.run(
        conn, project=project, user_id=user, token_hash=token_hash, expires_at=expires_at
    )


async def find_reset(conn: Connection, project: ProjectId, token_hash: bytes) -> UserId | None:
    found = await _find_reset.one(conn, project=project, token_hash=token_hash)
    return found.user_id if found else None


async def take_reset(conn: Connection, project: ProjectId, user: UserId, token_hash: bytes) -> bool:
    """Whether it was there."""
    taken = await _take_reset.run(conn, project=project, user_id=user, token_hash=token_hash)
    return taken == 1


async def delete_reset(conn: Connection, project: ProjectId, user: UserId) -> None:
    await _delete_reset.run(conn, project=project, user_id=user)
