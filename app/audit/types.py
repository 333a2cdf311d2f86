"""An event: who did what to whom. It holds no secrets, and of users nothing but their ids."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

from app.ids import ProjectId
from app.web.principal import Principal

SubjectType = Literal["project", "api_key", "user", "session"]
ActorType = Literal["api_key", "root_key", "user", "owner", "service", "unknown"]
PREFIXES = {
    "api_key": "key",
    "root_key": "key",
    "user": "user",
    "session": "sess",
    "project": "proj",
}


class Event(StrEnum):
    """All that is recorded; docs/identity.md says when each is."""

    PROJECT_CREATED = "project.created"
    PROJECT_RENAMED = "project.renamed"
    PROJECT_DELETED = "project.deleted"
    KEY_CREATED = "api_key.created"
    KEY_CHANGED = "api_key.changed"
    KEY_ROTATED = "api_key.rotated"
    KEY_REVOKED = "api_key.revoked"
    KEY_REFUSED = "api_key.refused"
    KEY_LIMITED = "api_key.limits_changed"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DELETED = "user.deleted"
    USER_LIMITED = "user.limits_changed"
    SIGNED_UP = "user.signed_up"
    SIGNED_IN = "user.signed_in"
    SIGN_IN_FAILED = "user.sign_in_failed"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105
    RESET_REQUESTED = "user.reset_requested"
    PASSWORD_RESET = "user.password_reset"  # noqa: S105
    SESSION_CREATED = "session.created"
    SESSION_ENDED = "session.ended"
    SESSIONS_ENDED = "user.sessions_ended"
    ENGINE_KEY_SET = "engine_key.set"
    ENGINE_KEY_REMOVED = "engine_key.removed"
    TOKEN_REUSED = "session.token_reused"  # noqa: S105


class Subject(msgspec.Struct, frozen=True):
    """What an event is about."""

    type: SubjectType
    id: UUID


class Actor(msgspec.Struct, frozen=True):
    type: ActorType
    id: UUID | None = None


SERVICE = Actor("service")
UNKNOWN = Actor("unknown")


def actor_of(principal: Principal, project: ProjectId) -> Actor:
    """Who acts in a project: a key may be one of the root project, that acts in another."""
    if principal.user is not None:
        return Actor("user", principal.user)
    if principal.key is None:
        return Actor("owner")
    return Actor("api_key" if principal.project == project else "root_key", principal.key)


class StoredEvent(msgspec.Struct, frozen=True):
    event_id: UUID
    created_at: datetime
    event: str
    actor_type: ActorType
    actor_id: UUID | None
    subject_type: SubjectType | None
    subject_id: UUID | None
    address: str | None
    times: int
    detail: Mapping[str, Any]


class Named(msgspec.Struct, frozen=True):
    """An actor or a subject as the API shows it; `user` is None where a user is gone."""

    type: str
    id: str | None
    user: str | None = None


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["audit_event"] = "audit_event"
    created_at: datetime
    event: str
    actor: Named
    subject: Named | None
    address: str | None
    times: int
    detail: Mapping[str, Any]
