"""Settings as they are shown: one of them, lists, versions, and what was changed."""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from uuid import UUID

import msgspec

from app.config import Config
from app.db.database import Database
from app.db.sql import Connection
from app.errors import InvalidRequest, NotFound
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, UserId, id_text
from app.settings import queries
from app.settings.documents import overlaid
from app.settings.queries import Place
from app.settings.types import Setting, SettingChange, SettingVersion, StoredChange, StoredSetting
from app.web.pages import Page, PageQuery, page, page_query
from app.web.principal import Caller

DIGITS_MAX = 18
KEY = re.compile(r"[A-Za-z0-9._-]{1,200}")


def check_key(key: str) -> str:
    """Raises InvalidRequest."""
    if not KEY.fullmatch(key):
        raise InvalidRequest(
            "A setting's key has 1 to 200 letters, digits, '.', '_' and '-'.", param="key"
        )
    return key


async def get_setting(database: Database, caller: Caller, key: str) -> Setting:
    """A user's over the project's. Raises NotFound where neither is there."""
    # A session sees no rows but its user's; what the project says of a setting it may know.
    async with database.tenant(caller.project, everyone=True) as conn:
        found = await queries.find_settings(
            conn, caller.project, [PROJECT_ITSELF, caller.owner], key
        )
    if not found:
        raise NotFound(f"Setting '{key}' not found.")
    newest = found[-1]
    value = reduce(overlaid, [one.value.encode() for one in found])
    own = newest.user_id == caller.owner
    return Setting(
        key=key,
        user=caller.external_id,
        value=msgspec.Raw(value),
        version=newest.version if own else 0,
        updated_at=max(one.updated_at for one in found),
    )


async def list_settings(database: Database, caller: Caller, query: PageQuery) -> Page:
    """Of the project itself, or what a user has of their own."""
    cursor = check_key(query.cursor) if query.cursor else None
    async with database.tenant(caller.project) as conn:
        found = await queries.list_settings(
            conn,
            caller.project,
            caller.owner,
            cursor=cursor,
            descending=query.descending,
            most=query.limit + 1,
        )
    return page([_shown(one, caller) for one in found], query)


async def list_versions(database: Database, caller: Caller, key: str, query: PageQuery) -> Page:
    """Raises NotFound where there never was one, as far as is known."""
    place = Place(caller.project, caller.owner, key)
    cursor = _number(query.cursor, "after") if query.cursor else None
    async with database.tenant(caller.project) as conn:
        if await queries.find_version(conn, place) is None:
            raise NotFound(f"Setting '{key}' not found.")
        found = await queries.list_versions(
            conn, place, cursor=cursor, descending=query.descending, most=query.limit + 1
        )
    return page([_version(one, caller) for one in found], query)


async def list_changes(
    database: Database, users: Users, config: Config, caller: Caller, query: Mapping[str, str]
) -> Page:
    """In the order in which they were committed: nothing appears before what was read."""
    for name in ("before", "order"):
        if name in query:
            raise InvalidRequest(f"Changes are read in their order: no '{name}'.", param=name)
    asked = page_query(query, config.list_limit_max, order="asc")
    after = _number(asked.after, "after") if asked.after else 0
    whose = None if caller.everyone else caller.owner
    async with database.tenant(caller.project) as conn:
        found = await queries.list_changes(
            conn, caller.project, whose, after=after, most=asked.limit + 1
        )
        names = await _names(conn, users, caller, found)
    return page([_change(one, names) for one in found], asked)


async def _names(
    conn: Connection, users: Users, caller: Caller, found: Sequence[StoredChange]
) -> Mapping[UserId, str]:
    return await users.names(conn, caller.project, {one.user_id for one in found})


def _shown(stored: StoredSetting, caller: Caller) -> Setting:
    return Setting(
        key=stored.key,
        user=caller.external_id,
        value=msgspec.Raw(stored.value.encode()),
        version=stored.version,
        updated_at=stored.updated_at,
    )


def _version(stored: StoredChange, caller: Caller) -> SettingVersion:
    deleted = stored.value is None
    return SettingVersion(
        key=stored.key,
        user=caller.external_id,
        version=stored.version,
        deleted=deleted,
        value=msgspec.Raw((stored.value or "").encode()) if not deleted else msgspec.UNSET,
        updated_at=stored.changed_at,
        changed_by=_changer(stored.changed_by, stored.user_id),
    )


def _changer(changed_by: UUID | None, user: UserId) -> str | None:
    """The key that changed it, or `session` where the user did; None before it was noted."""
    if changed_by is None:
        return None
    return "session" if changed_by == user else id_text("key", changed_by)


def _change(stored: StoredChange, names: Mapping[UserId, str]) -> SettingChange:
    return SettingChange(
        id=str(stored.change),
        key=stored.key,
        user=names.get(stored.user_id),
        version=stored.version,
        deleted=stored.value is None,
        updated_at=stored.changed_at,
    )


def _number(text: str, param: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > DIGITS_MAX:
        raise InvalidRequest(f"'{param}' must be a number that a list gave.", param=param)
    return int(text)
