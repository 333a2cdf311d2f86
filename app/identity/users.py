"""Finding the user that a request names; made on first use."""

from collections.abc import Collection
from typing import Any

import msgspec
from cachetools import TTLCache
from litestar import Request

from app.db.database import Database
from app.errors import Forbidden, InvalidRequest
from app.identity import queries
from app.ids import PROJECT_ITSELF, ProjectId, UserId, new_id
from app.web.limits import Limits, read_limits
from app.web.paths import with_slashes
from app.web.principal import ALL_USERS, Caller, Principal, Scope, user_named_by

CACHED_MAX = 50_000
EXTERNAL_ID_LENGTH_MAX = 512


class KnownUser(msgspec.Struct, frozen=True):
    user_id: UserId
    limits: Limits | None


class Users:
    def __init__(self, database: Database, ttl_seconds: float) -> None:
        self._database = database
        self._known: TTLCache[tuple[ProjectId, str], KnownUser]
        self._known = TTLCache(CACHED_MAX, ttl_seconds)
        self._names: TTLCache[tuple[ProjectId, UserId], str] = TTLCache(CACHED_MAX, ttl_seconds)

    async def caller(
        self, principal: Principal, name: str | None, *, everyone_allowed: bool = False
    ) -> Caller:
        """Who speaks, for the user named. `*` is everyone, where a route allows it.

        A session speaks for its own user, named or not. Raises Forbidden for another.
        """
        if principal.user is not None:
            return _itself(principal, name)
        if name is None:
            return Caller(principal)
        if name == ALL_USERS and everyone_allowed:
            principal.must_have(Scope.ADMIN)
            return Caller(principal, everyone=True)
        check_name(name)
        if name == ALL_USERS:
            raise Forbidden("The user '*' stands for all users and cannot be one.")
        known = await self._find_or_make(principal.project, name)
        return Caller(principal, known.user_id, name, limits=known.limits)

    async def caller_of(
        self,
        request: Request[Any, Any, Any],
        name: str | None = None,
        *,
        everyone_allowed: bool = False,
    ) -> Caller:
        """Who speaks in a request: the user named in it, or in its header; the log is told."""
        named = user_named_by(request, name)
        if named is not None and request.auth.user is not None:
            raise Forbidden("A session speaks for its own user and may set none.", param="user")
        caller = await self.caller(request.auth, named, everyone_allowed=everyone_allowed)
        request.scope.setdefault("state", {})["user"] = caller.user
        return caller

    async def caller_at(self, request: Request[Any, Any, Any], name: str) -> Caller:
        """Who speaks in a request whose path names the user; a session may name its own there."""
        own = request.auth.user is not None and with_slashes(name) == request.auth.external_id
        return await self.caller_of(request, None if own else name)

    async def names(
        self, conn: Any, project: ProjectId, user_ids: Collection[UserId]
    ) -> dict[UserId, str]:
        """The external ids of these users; the project itself has none."""
        wanted = set(user_ids) - {PROJECT_ITSELF}
        found = {u: name for u in wanted if (name := self._names.get((project, u)))}
        if missing := wanted - set(found):
            fresh = await queries.list_user_names(conn, project, missing)
            self._names.update({(project, user): name for user, name in fresh.items()})
            found.update(fresh)
        return found

    async def find(self, project: ProjectId, name: str) -> UserId | None:
        """Without making one; what was remembered of them is asked again."""
        async with self._database.tenant(project) as conn:
            found = await queries.find_user(conn, project, name)
        return found.user_id if found else None

    def forget(self, project: ProjectId, user: UserId, name: str) -> None:
        """The user is changed, or gone: the name is another's, when it comes again."""
        self._known.pop((project, name), None)
        self._names.pop((project, user), None)

    async def _find_or_make(self, project: ProjectId, name: str) -> KnownUser:
        if known := self._known.get((project, name)):
            return known
        async with self._database.tenant(project) as conn:
            user = await queries.find_user(conn, project, name)
            if user is None:
                await queries.insert_user(conn, project, UserId(new_id()), name)
                user = await queries.find_user(conn, project, name)
        assert user is not None
        known = KnownUser(user.user_id, read_limits(user.limits))
        self._known[project, name] = known
        return known


def _itself(principal: Principal, name: str | None) -> Caller:
    if name not in (None, principal.external_id):
        raise Forbidden("A session speaks for its own user alone.", param="user")
    return Caller(principal, principal.user, principal.external_id, limits=principal.limits)


def check_name(name: str) -> None:
    """Clients take `.` and `..` in a path for steps, so nobody could be reached by them."""
    if not 1 <= len(name) <= EXTERNAL_ID_LENGTH_MAX or "\x00" in name or name in (".", ".."):
        raise InvalidRequest(
            f"A user's name must have 1 to {EXTERNAL_ID_LENGTH_MAX} characters, none of them NUL, "
            "and be neither '.' nor '..'.",
            param="user",
        )
