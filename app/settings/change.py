"""Putting, merging and deleting settings: one change of a project at a time."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from app.config import Config
from app.db.database import Database
from app.db.sql import Connection
from app.errors import Forbidden, InvalidRequest, NotFound, PreconditionFailed
from app.ids import PROJECT_ITSELF
from app.settings import queries
from app.settings.documents import checked, merged
from app.settings.queries import Place
from app.settings.read import SettingsReader, check_own
from app.settings.types import (
    OWN_KEY,
    DeletedSetting,
    GatewaySettings,
    Setting,
    StoredVersion,
)
from app.web.body import decode_json
from app.web.etags import names
from app.web.idempotency import Claim, Keep, Reply, once
from app.web.principal import Caller

OK = 200

Make = Callable[[bytes | None], bytes]
"""From the value that there is (None where there is none) to the next; both are JSON."""
Told = dict[str, Any]
"""What is answered, as it is kept for an Idempotency-Key: the value as a text, digit for digit."""
Check = Callable[[GatewaySettings], None]
"""What those who read a field of Backstory's own settings ask of it. Raises InvalidRequest."""


class Condition(msgspec.Struct, frozen=True):
    """Of RFC 9110: `If-Match` and `If-None-Match`, whose tags are versions."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, version: int | None) -> None:
        """Raises PreconditionFailed."""
        if self.if_match is not None and not _matches(version, self.if_match):
            there = "does not exist" if version is None else f"has version {version} by now"
            raise PreconditionFailed(f"The setting {there}.", param="if-match")
        if self.if_none_match is not None and _matches(version, self.if_none_match):
            raise PreconditionFailed(
                f"The setting exists, with version {version}.", param="if-none-match"
            )


class Changing(msgspec.Struct, frozen=True):
    """What changes settings."""

    config: Config
    database: Database
    reader: SettingsReader
    check: Check


class Change(msgspec.Struct, frozen=True):
    """Who wants which setting changed, where what holds, and perhaps once for all."""

    caller: Caller
    key: str
    condition: Condition
    claim: Claim | None

    @property
    def place(self) -> Place:
        return Place(self.caller.project, self.caller.owner, self.key)


def put(body: bytes) -> Make:
    return lambda _: body


def merge(patch: bytes) -> Make:
    """A JSON merge patch (RFC 7396)."""
    return lambda value: merged(value, patch)


async def change_setting(changing: Changing, change: Change, make: Make) -> Setting:
    """Raises PreconditionFailed, InvalidRequest, TooLarge, or Forbidden for a session."""

    async def write(conn: Connection) -> Told:
        number, before = await _begin(conn, change)
        value = _checked(changing, change.place, make(_value(before)))
        if _version(before) is None:
            await _check_room(conn, changing.config, change.place)
        kept = await _keep(conn, changing.config, change, number, before, value)
        return {"value": kept.value, "version": kept.version, "updated_at": kept.changed_at}

    told = await _once(changing, change, write)
    told["value"] = msgspec.Raw(told["value"].encode())
    return msgspec.convert({"key": change.key, "user": change.caller.external_id} | told, Setting)


async def delete_setting(changing: Changing, change: Change) -> DeletedSetting:
    """Raises NotFound, PreconditionFailed, or Forbidden for a session."""

    async def write(conn: Connection) -> Told:
        number, before = await _begin(conn, change)
        if _version(before) is None:
            raise NotFound(f"Setting '{change.key}' not found.")
        kept = await _keep(conn, changing.config, change, number, before, None)
        await queries.drop_deleted(conn, change.place, changing.config.settings_max)
        return {"version": kept.version}

    told = await _once(changing, change, write)
    return DeletedSetting(key=change.key, user=change.caller.external_id, version=told["version"])


async def _once(
    changing: Changing, change: Change, write: Callable[[Connection], Awaitable[Told]]
) -> Told:
    _check_allowed(change.caller, change.key)
    caller = change.caller

    async def work(keep: Keep) -> Reply:
        async with changing.database.tenant(caller.project) as conn:
            reply = OK, await write(conn)
            await keep(conn, reply)
        if change.key == OWN_KEY:
            changing.reader.forget(caller.project, caller.user)
        return reply

    ttl_seconds = changing.config.idempotency_ttl_seconds
    _, told = await once(changing.database, change.claim, caller.user, ttl_seconds, work)
    return dict(told)


async def _begin(conn: Connection, change: Change) -> tuple[int, StoredVersion | None]:
    """The number of the change, and what there is before it. Raises PreconditionFailed."""
    number = await queries.begin_change(conn, change.caller.project)
    before = await queries.find_version(conn, change.place)
    change.condition.check(_version(before))
    return number, before


async def _keep(
    conn: Connection,
    config: Config,
    change: Change,
    number: int,
    before: StoredVersion | None,
    value: bytes | None,
) -> StoredVersion:
    version = before.version + 1 if before else 1
    kept = await queries.keep_change(
        conn,
        change.place,
        change=number,
        version=version,
        value=value,
        changed_by=change.caller.principal.id,
    )
    await queries.drop_versions(conn, change.place, version - config.setting_versions_max)
    return kept


def _check_allowed(caller: Caller, key: str) -> None:
    """What Backstory itself goes by is the application's to say, not its users'."""
    if key == OWN_KEY and caller.principal.user is not None:
        raise Forbidden(f"A session may not change the setting '{OWN_KEY}'.")
    if key.startswith(f"{OWN_KEY}."):
        raise InvalidRequest(f"Keys that begin with '{OWN_KEY}.' are reserved.", param="key")


def _checked(changing: Changing, place: Place, value: bytes) -> bytes:
    document = checked(value, changing.config)
    if place.key == OWN_KEY:
        own = check_own(decode_json(document), of_user=place.user_id != PROJECT_ITSELF)
        changing.check(own)
    return document


async def _check_room(conn: Connection, config: Config, place: Place) -> None:
    most = config.settings_max
    if await queries.count_settings(conn, place.project, place.user_id, most) >= most:
        whose = "a user" if place.user_id.int else "a project itself"
        raise InvalidRequest(f"There are at most {most} settings of {whose}.", param="key")


def _version(before: StoredVersion | None) -> int | None:
    return before.version if before and before.value is not None else None


def _value(before: StoredVersion | None) -> bytes | None:
    return before.value.encode() if before and before.value is not None else None


def _matches(version: int | None, tags: str) -> bool:
    return names(tags, [] if version is None else [version])
