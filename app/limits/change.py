"""Setting and showing what keys and users may spend."""

from uuid import UUID

import msgspec

from app.audit.record import audit
from app.audit.types import Event, Subject
from app.db.sql import Connection
from app.identity.administration import Admin, Administration
from app.identity.one_key import audit_key, changeable, existing, place_of
from app.identity.users import Users
from app.ids import KeyId, ProjectId, id_text
from app.limits import queries
from app.limits.limiter import Limiter
from app.limits.types import NOBODY, DeletedLimits, LimitsOf, StoredWindow, Window
from app.limits.units import counted, shown
from app.web.limits import Limits, in_force, read_limits
from app.web.principal import Caller


class Limiting(msgspec.Struct, frozen=True):
    """What limits are changed with."""

    administration: Administration
    users: Users
    limiter: Limiter


class Place(msgspec.Struct, frozen=True):
    """The key whose limits are meant, as it was named, and its project, where one was."""

    key: str
    project: str | None


# Of a key


async def get_key_limits(limiting: Limiting, admin: Admin, place: Place) -> LimitsOf:
    """Raises NotFound."""
    parts = limiting.administration
    project, key = await place_of(parts, admin, place.project, place.key)
    async with parts.database.tenant(project) as conn:
        await existing(conn, project, key)
        return await _limits_of_key(conn, project, key)


async def set_key_limits(
    limiting: Limiting, admin: Admin, place: Place, limits: Limits
) -> LimitsOf:
    """These and no others. Raises NotFound, or Conflict where it was revoked."""
    return await _change_key(limiting, admin, place, limits)


async def delete_key_limits(limiting: Limiting, admin: Admin, place: Place) -> DeletedLimits:
    """Raises NotFound, or Conflict where it was revoked."""
    changed = await _change_key(limiting, admin, place, None)
    return DeletedLimits(api_key=changed.api_key)


async def _change_key(
    limiting: Limiting, admin: Admin, place: Place, limits: Limits | None
) -> LimitsOf:
    parts = limiting.administration
    project, key = await place_of(parts, admin, place.project, place.key)
    async with parts.database.tenant(project) as conn:
        found = await changeable(conn, project, key)
        await queries.set_key_limits(conn, project, key, limits)
        await audit_key(conn, project, Event.KEY_LIMITED, admin, found, {"limits": limits})
        changed = await _limits_of_key(conn, project, key)
    parts.authenticator.forget_key(key)
    return changed


async def _limits_of_key(conn: Connection, project: ProjectId, key: KeyId) -> LimitsOf:
    own = read_limits(await queries.get_key_limits(conn, project, key)) or Limits()
    windows = await _windows(conn, project, NOBODY, key, own)
    return LimitsOf(api_key=id_text("key", key), limits=own, windows=windows)


# Of a user


async def get_user_limits(limiting: Limiting, caller: Caller) -> LimitsOf:
    """Their own; the windows are those of the project's default too."""
    project, user = caller.project, caller.owner
    async with limiting.administration.database.tenant(project) as conn:
        own = read_limits(await queries.get_user_limits(conn, project, user))
    in_all = await limiting.limiter.of_user(project, user, own) or Limits()
    async with limiting.administration.database.tenant(project) as conn:
        windows = await _windows(conn, project, user, NOBODY, in_all)
    return LimitsOf(user=caller.external_id, limits=own or Limits(), windows=windows)


async def set_user_limits(
    limiting: Limiting, caller: Caller, limits: Limits, address: str | None
) -> LimitsOf:
    """These over the project's default."""
    await _change_user(limiting, caller, limits, address)
    return await get_user_limits(limiting, caller)


async def delete_user_limits(
    limiting: Limiting, caller: Caller, address: str | None
) -> DeletedLimits:
    """The project's default holds for them again."""
    await _change_user(limiting, caller, None, address)
    return DeletedLimits(user=caller.external_id)


async def _change_user(
    limiting: Limiting, caller: Caller, limits: Limits | None, address: str | None
) -> None:
    parts, project, user = limiting.administration, caller.project, caller.owner
    async with parts.database.tenant(project) as conn:
        await queries.set_user_limits(conn, project, user, limits)
        await audit(
            conn,
            project,
            Event.USER_LIMITED,
            principal=caller.principal,
            subject=Subject("user", user),
            address=address,
            detail={"limits": limits},
        )
    assert caller.external_id is not None
    limiting.users.forget(project, user, caller.external_id)
    parts.authenticator.forget_principal(user)


# Both


async def _windows(
    conn: Connection, project: ProjectId, user: UUID, key: UUID, limits: Limits
) -> list[Window]:
    force = in_force(limits)
    found = await queries.list_windows(conn, project, user_id=user, key_id=key, of=list(force))
    by_limit = {(window.measure, window.span): window for window in found}
    return [_window(by_limit[limit], most) for limit, most in force.items()]


def _window(stored: StoredWindow, most: float) -> Window:
    measure = stored.measure
    remaining = max(0, counted(measure, most) - stored.used)
    return Window(
        limit=f"{measure}_per_{stored.span}",
        most=most,
        used=shown(measure, stored.used),
        remaining=shown(measure, remaining),
        resets_at=stored.resets_at,
    )
