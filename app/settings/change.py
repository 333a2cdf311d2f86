"""Putting, merging and deleting settings: one change of a project at a time."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from app.config import Config
from app.db.database import Database
from app.errors import Forbidden, InvalidRequest, NotFound, PreconditionFailed, TooLarge
from app.ids import PROJECT_ITSELF
from app.settings import queries
from app.settings.queries import Place
from app.settings.read import SettingsReader, check_own
from app.settings.types import OWN_KEY, DeletedSetting, Setting, StoredVersion
from app.web.principal import Caller

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

Make = Callable[[Any], Any]
"""From the value that there is (None where there is none) to the next."""


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


ANYWAY = Condition()


class Changing(msgspec.Struct, frozen=True):
    """What changes settings."""

    config: Config
    database: Database
    reader: SettingsReader


def put(value: Any) -> Make:
    return lambda _: value


def merge(patch: Any) -> Make:
    """A JSON merge patch (RFC 7396)."""
    return lambda value: _merged(value, patch)


def _merged(value: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, part in patch.items():
        if part is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), part)
    return merged


async def change_setting(
    changing: Changing, caller: Caller, key: str, make: Make, condition: Condition = ANYWAY
) -> Setting:
    """Raises PreconditionFailed, InvalidRequest, TooLarge, or Forbidden for a session."""
    _check_allowed(caller, key)
    place = Place(caller.project, caller.owner, key)
    async with changing.database.tenant(caller.project) as conn:
        change = await queries.begin_change(conn, caller.project)
        before = await queries.find_version(conn, place)
        condition.check(_version(before))
        value = _checked(changing.config, place, make(_value(before)))
        if _version(before) is None:
            await _check_room(conn, changing.config, place)
        kept = await _keep(conn, changing.config, caller, place, change, before, value)
    assert kept.value is not None
    changing.reader.forget(caller.project, caller.user)
    return Setting(
        key=key,
        user=caller.external_id,
        value=msgspec.Raw(kept.value.encode()),
        version=kept.version,
        updated_at=kept.changed_at,
    )


async def delete_setting(
    changing: Changing, caller: Caller, key: str, condition: Condition = ANYWAY
) -> DeletedSetting:
    """Raises NotFound, PreconditionFailed, or Forbidden for a session."""
    _check_allowed(caller, key)
    place = Place(caller.project, caller.owner, key)
    async with changing.database.tenant(caller.project) as conn:
        change = await queries.begin_change(conn, caller.project)
        before = await queries.find_version(conn, place)
        condition.check(_version(before))
        if _version(before) is None:
            raise NotFound(f"Setting '{key}' not found.")
        kept = await _keep(conn, changing.config, caller, place, change, before, None)
    changing.reader.forget(caller.project, caller.user)
    return DeletedSetting(key=key, user=caller.external_id, version=kept.version)


async def _keep(
    conn: Any,
    config: Config,
    caller: Caller,
    place: Place,
    change: int,
    before: StoredVersion | None,
    value: bytes | None,
) -> StoredVersion:
    version = before.version + 1 if before else 1
    kept = await queries.keep_change(
        conn,
        place,
        change=change,
        version=version,
        value=value,
        changed_by=caller.principal.id,
    )
    await queries.drop_versions(conn, place, version - config.setting_versions_max)
    return kept


def decode_value(body: bytes) -> Any:
    """Any JSON, numbers as they are written. Raises InvalidRequest."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The body of the request could not be parsed as JSON: {error}.", code="invalid_json"
        ) from None


def overlaid(project: str, user: str) -> bytes:
    """A user's value over the project's: field by field where both are objects."""
    below, above = _decode(project), _decode(user)
    both = isinstance(below, dict) and isinstance(above, dict)
    return _encode({**below, **above} if both else above)


def _check_allowed(caller: Caller, key: str) -> None:
    """What Backstory itself goes by is the application's to say, not its users'."""
    if key == OWN_KEY and caller.principal.user is not None:
        raise Forbidden(f"A session may not change the setting '{OWN_KEY}'.")
    if key.startswith(f"{OWN_KEY}."):
        raise InvalidRequest(f"Keys that begin with '{OWN_KEY}.' are reserved.", param="key")


def _checked(config: Config, place: Place, value: Any) -> bytes:
    try:
        text = _encode(value)
    except RecursionError:
        raise InvalidRequest("The value is too deep.", code="invalid_json") from None
    if len(text) > config.setting_bytes_max:
        raise TooLarge(f"A setting has at most {config.setting_bytes_max} bytes of JSON.")
    if place.key == OWN_KEY:
        check_own(msgspec.json.decode(text), of_user=place.user_id != PROJECT_ITSELF)
    return text


async def _check_room(conn: Any, config: Config, place: Place) -> None:
    most = config.settings_max
    if await queries.count_settings(conn, place.project, place.user_id, most) >= most:
        whose = "a user" if place.user_id.int else "a project itself"
        raise InvalidRequest(f"There are at most {most} settings of {whose}.", param="key")


def _version(before: StoredVersion | None) -> int | None:
    return before.version if before and before.value is not None else None


def _value(before: StoredVersion | None) -> Any:
    return _decode(before.value) if before and before.value is not None else None


def _matches(version: int | None, tags: str) -> bool:
    if version is None:
        return False
    found = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
    return bool(found & {"*", str(version)})
