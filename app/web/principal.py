"""Who speaks, and what a route asks of them."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request

from app.errors import Forbidden, InvalidRequest
from app.ids import PROJECT_ITSELF, KeyId, ProjectId, SessionId, UserId
from app.web.limits import Limits
from app.web.paths import with_slashes

USER_HEADER = "backstory-user"
ALL_USERS = "*"


class Access(StrEnum):
    """The list that a route is in; every route is in exactly one."""

    PUBLIC = "public"
    SIGN_IN = "sign_in"  # a publishable key, or a key
    SESSION = "session"  # a session of a user, or a key
    USER = "user"  # a session of a user alone
    KEY = "key"
    ADMIN = "admin"


class Kind(StrEnum):
    """What a token is; its text begins with it."""

    KEY = "bs_sk_"
    PUBLISHABLE = "bs_pk_"
    SESSION = "bs_st_"


ADMITTED = {
    Access.SIGN_IN: {Kind.PUBLISHABLE, Kind.KEY},
    Access.SESSION: {Kind.SESSION, Kind.KEY},
    Access.USER: {Kind.SESSION},
    Access.KEY: {Kind.KEY},
    Access.ADMIN: {Kind.KEY},
}
"""Whom the lists let in, apart from what is public."""


class Scope(StrEnum):
    ENGINE = "engine"
    MEMORY_READ = "memory:read"
    MEMORY_WRITE = "memory:write"
    CACHE = "cache"
    SETTINGS = "settings"
    USAGE_READ = "usage:read"
    USERS = "users"
    ADMIN = "admin"


SESSION_SCOPES = frozenset(set(Scope) - {Scope.USERS, Scope.ADMIN, Scope.CACHE})
"""What a session may do, all of it with its own user's data; what a namespace of the cache holds is
no user's."""


class Principal(msgspec.Struct, frozen=True):
    """A known key, or a user's session. `id` is what idempotency, rates and audits count by."""

    project: ProjectId
    key: KeyId | None
    scopes: frozenset[str]
    kind: Kind = Kind.KEY
    session: SessionId | None = None
    user: UserId | None = None
    """Of a session: whose it is."""
    external_id: str | None = None
    root: bool = False
    """Its project administers the installation."""
    limits: Limits | None = None
    """Of the key, or of the session's user."""

    @property
    def id(self) -> UUID:
        """A user's requests are one's whichever session made them."""
        found = self.user or self.key
        assert found is not None
        return found

    def must_have(self, scope: str) -> None:
        if scope not in self.scopes:
            speaker = "A session" if self.kind is Kind.SESSION else "This key"
            raise Forbidden(f"{speaker} does not have the scope '{scope}' that this needs.")


def guarded(access: Access, scope: Scope | None = None) -> dict[str, Any]:
    """The `opt` of a route: which list it is in, and the scope that it needs."""
    return {"access": access, "scope": scope}


def named_user(body_user: str | None, header_user: str | None) -> str | None:
    """The user that a request names, in its body or its header. Raises InvalidRequest."""
    return _the_one(
        with_slashes(body_user) if body_user else body_user,
        _as_utf8(header_user) if header_user else header_user,
    )


def user_named_by(request: Request[Any, Any, Any], name: str | None) -> str | None:
    """The same, where the query may name the user too. Raises InvalidRequest."""
    found = name and with_slashes(name)
    for in_query in request.query_params.getall("user", []):
        found = _the_one(found, in_query)
    for in_header in request.headers.getall(USER_HEADER, []):
        found = _the_one(found, _as_utf8(in_header))
    return found


def _the_one(user: str | None, other: str | None) -> str | None:
    if user == "" or other == "":
        raise InvalidRequest("A user's name cannot be empty.", param="user")
    if user and other and user != other:
        raise InvalidRequest(
            "The field 'user' and the header 'Backstory-User' name different users.", param="user"
        )
    return user or other


def _as_utf8(header: str) -> str:
    """Header values arrive as Latin-1; what is UTF-8 in truth is read so."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


class Caller(msgspec.Struct, frozen=True):
    """A principal together with the user it speaks for, found in the database.

    `user` None with `everyone` False is the project's own data.
    """

    principal: Principal
    user: UserId | None = None
    external_id: str | None = None
    everyone: bool = False
    limits: Limits | None = None
    """The user's own."""

    @property
    def project(self) -> ProjectId:
        return self.principal.project

    @property
    def owner(self) -> UserId:
        """Whose the rows are that it makes."""
        return self.user or PROJECT_ITSELF

    def may_reach(self, owner: UserId) -> bool:
        """By its id, a key that names no user reaches every row of its project."""
        return self.user is None or self.user == owner
