"""Who speaks, and what a route asks of them."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from app.errors import Forbidden, InvalidRequest
from app.ids import PROJECT_ITSELF, KeyId, ProjectId, UserId

USER_HEADER = "backstory-user"
ALL_USERS = "*"


class Access(StrEnum):
    """The list that a route is in; every route is in exactly one."""

    PUBLIC = "public"
    SESSION = "session"  # a session of a user, or a key
    KEY = "key"
    ADMIN = "admin"


class Scope(StrEnum):
    ENGINE = "engine"
    MEMORY_READ = "memory:read"
    MEMORY_WRITE = "memory:write"
    CACHE = "cache"
    SETTINGS = "settings"
    USAGE_READ = "usage:read"
    USERS = "users"
    ADMIN = "admin"


class Principal(msgspec.Struct, frozen=True):
    """A known key. `id` is what idempotency, rates and audits count by."""

    project: ProjectId
    key: KeyId
    scopes: frozenset[str]

    @property
    def id(self) -> UUID:
        return self.key

    def must_have(self, scope: str) -> None:
        if scope not in self.scopes:
            raise Forbidden(f"This key does not have the scope '{scope}' that this needs.")


def guarded(access: Access, scope: Scope | None = None) -> dict[str, Any]:
    """The `opt` of a route: which list it is in, and the scope that it needs."""
    return {"access": access, "scope": scope}


def named_user(body_user: str | None, header_user: str | None) -> str | None:
    """The user that a request names, in its body or its header. Raises InvalidRequest."""
    header_user = _as_utf8(header_user) if header_user else header_user
    if body_user == "" or header_user == "":
        raise InvalidRequest("A user's name cannot be empty.", param="user")
    if body_user and header_user and body_user != header_user:
        raise InvalidRequest(
            "The field 'user' and the header 'Backstory-User' name different users.", param="user"
        )
    return body_user or header_user


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
