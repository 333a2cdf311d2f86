"""A project's users: made, listed, shown and changed by the application."""

import asyncpg
from msgspec import UNSET

from app.accounts import queries
from app.accounts.emails import normal_email
from app.accounts.parts import AccountParts
from app.accounts.passwords import check_new
from app.accounts.types import NewUser, StoredAccount, User, UserPatch
from app.accounts.visitor import Visitor
from app.audit.types import Event, Subject
from app.db.sql import Connection
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound
from app.identity.users import check_name
from app.ids import ProjectId, SessionId, UserId, id_text, new_id
from app.web.pages import Page, PageQuery, page
from app.web.principal import ALL_USERS


async def create_user(parts: AccountParts, visitor: Visitor, asked: NewUser) -> User:
    """Raises Conflict where the name or the address is another's, InvalidRequest."""
    project, user = visitor.project, UserId(new_id())
    name = id_text("user", user) if asked.external_id is None else asked.external_id
    _check_new_name(name)
    email = normal_email(asked.email) if asked.email is not None else None
    if asked.password is not None:
        check_new(asked.password)
        if email is None:
            raise _no_email()
    password_hash = await _hashed(parts, asked.password)
    async with parts.database.tenant(project) as conn:
        if not await queries.insert_account(conn, project, user, name, asked.metadata):
            raise Conflict(f"There is a user '{name}' already.", param="external_id")
        if email and not await queries.insert_login(conn, project, user, email, password_hash):
            raise _taken()
        await visitor.record(conn, Event.USER_CREATED, Subject("user", user))
        return shown(await _found(conn, project, name))


async def get_user(parts: AccountParts, project: ProjectId, name: str) -> User:
    """Raises NotFound."""
    async with parts.database.tenant(project) as conn:
        return shown(await _found(conn, project, name))


async def list_users(
    parts: AccountParts, project: ProjectId, email: str | None, paging: PageQuery
) -> Page:
    """All, or the one who has an e-mail address."""
    async with parts.database.tenant(project) as conn:
        if email is not None:
            one = await queries.find_account_by_email(conn, project, normal_email(email))
            return page([shown(one)] if one else [], paging)
        cursor = await _cursor(conn, project, paging)
        found = await queries.list_accounts(
            conn,
            project,
            descending=paging.descending,
            cursor=cursor,
            most=paging.limit + 1,
        )
    return page([shown(account) for account in found], paging)


async def change_user(parts: AccountParts, visitor: Visitor, name: str, patch: UserPatch) -> User:
    """A new password, and disabling, end all sessions. Raises NotFound, Conflict."""
    project = visitor.project
    password = None if patch.password is UNSET else patch.password
    if password is not None:
        check_new(password)
    password_hash = await _hashed(parts, password)
    async with parts.database.tenant(project) as conn:
        account = await _found(conn, project, name)
        await _change_login(conn, project, account, patch, password_hash)
        await queries.update_account(
            conn,
            project,
            account.user_id,
            metadata=None if patch.metadata is UNSET else patch.metadata,
            disabled=None if patch.disabled is UNSET else patch.disabled,
        )
        ended: list[SessionId] = []
        if patch.disabled is True or password_hash is not None:
            ended = await queries.end_sessions(conn, project, account.user_id)
        about = Subject("user", account.user_id)
        await visitor.record(conn, Event.USER_CHANGED, about, changed=_sent(patch))
        changed = shown(await _found(conn, project, name))
    parts.authenticator.forget_sessions(ended)
    return changed


def _sent(patch: UserPatch) -> list[str]:
    return [n for n in patch.__struct_fields__ if getattr(patch, n) is not UNSET]


async def _change_login(
    conn: Connection,
    project: ProjectId,
    account: StoredAccount,
    patch: UserPatch,
    password_hash: str | None,
) -> None:
    """An address takes the place of the one before, and what was delivered to that is void."""
    user, has_login = account.user_id, account.email is not None
    if isinstance(patch.email, str):
        await _put_email(conn, project, user, normal_email(patch.email), new=not has_login)
        has_login = True
    elif patch.email is None:
        await queries.delete_login(conn, project, user)
        has_login = False
    if password_hash is None:
        return
    if not has_login or not await queries.set_password(conn, project, user, password_hash):
        raise _no_email()
    await queries.delete_reset(conn, project, user)


async def _put_email(
    conn: Connection, project: ProjectId, user: UserId, email: str, *, new: bool
) -> None:
    if new:
        if not await queries.insert_login(conn, project, user, email, None):
            raise _taken()
        return
    try:
        await queries.update_email(conn, project, user, email)
    except asyncpg.UniqueViolationError:
        raise _taken() from None
    await queries.delete_reset(conn, project, user)


async def _cursor(conn: Connection, project: ProjectId, paging: PageQuery) -> UserId | None:
    if not paging.cursor:
        return None
    check_name(paging.cursor)
    found = await queries.find_account(conn, project, paging.cursor)
    if found is None:
        param = "before" if paging.before else "after"
        raise InvalidRequest(f"'{param}' names no user.", param=param)
    return found.user_id


async def _found(conn: Connection, project: ProjectId, name: str) -> StoredAccount:
    check_name(name)
    found = await queries.find_account(conn, project, name)
    if found is None:
        raise NotFound(f"User '{name}' not found.")
    return found


async def _hashed(parts: AccountParts, password: str | None) -> str | None:
    return None if password is None else await parts.passwords.hash(password)


def _check_new_name(name: str) -> None:
    check_name(name)
    if name == "":
        raise InvalidRequest("A user's name cannot be empty.", param="external_id")
    if name == ALL_USERS:
        raise Forbidden("The user '*' stands for all users and cannot be one.")


def shown(account: StoredAccount) -> User:
    return User(
        id=account.external_id,
        external_id=account.external_id,
        email=account.email,
        has_password=account.has_password,
        metadata=account.metadata,
        disabled=account.disabled_at is not None,
        created_at=account.created_at,
    )


def _no_email() -> InvalidRequest:
    return InvalidRequest("A password needs an e-mail address to log in with.", param="email")


def _taken() -> Conflict:
    return Conflict("Another user has this e-mail address.", param="email", code="email_taken")
