"""What is stored of who may speak."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from app.ids import KeyId, ProjectId, SessionId, UserId


class StoredKey(msgspec.Struct, frozen=True):
    key_id: KeyId
    secret_hash: bytes
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    root: bool
    limits: Any


class StoredProject(msgspec.Struct, frozen=True):
    project_id: ProjectId
    name: str
    created_at: datetime
    root: bool


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """As the API shows it. The root project administers the others."""

    id: str
    object: Literal["project"] = "project"
    name: str
    root: bool
    created_at: datetime


class DeletedProject(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["project.deleted"] = "project.deleted"
    deleted: bool = True


class FoundKey(msgspec.Struct, frozen=True):
    """A key without its secret."""

    key_id: KeyId
    name: str
    kind: Literal["secret", "publishable"]
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    rotated_at: datetime | None
    revoked_at: datetime | None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """As the API shows it; `prefix` is what can be seen of its secret."""

    id: str
    object: Literal["api_key"] = "api_key"
    project: str
    name: str
    kind: Literal["secret", "publishable"]
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    rotated_at: datetime | None
    revoked_at: datetime | None


class IssuedKey(ApiKey, frozen=True, kw_only=True):
    """With its secret, which is told this once."""

    key: str


class RotatedKey(IssuedKey, frozen=True, kw_only=True):
    old_key_expires_at: datetime


class StoredSession(msgspec.Struct, frozen=True):
    session_id: SessionId
    user_id: UserId
    external_id: str
    token_hash: bytes
    token_expires_at: datetime
    limits: Any


class StoredUser(msgspec.Struct, frozen=True):
    user_id: UserId
    limits: Any = None


class UserName(msgspec.Struct, frozen=True):
    user_id: UserId
    external_id: str
