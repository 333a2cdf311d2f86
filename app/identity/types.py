"""What is stored of who may speak."""

from datetime import datetime

import msgspec

from app.ids import KeyId, ProjectId, SessionId, UserId


class StoredKey(msgspec.Struct, frozen=True):
    key_id: KeyId
    secret_hash: bytes
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    root: bool


class StoredProject(msgspec.Struct, frozen=True):
    project_id: ProjectId
    name: str
    created_at: datetime
    root: bool


class StoredSession(msgspec.Struct, frozen=True):
    session_id: SessionId
    user_id: UserId
    external_id: str
    token_hash: bytes
    token_expires_at: datetime


class StoredUser(msgspec.Struct, frozen=True):
    user_id: UserId


class UserName(msgspec.Struct, frozen=True):
    user_id: UserId
    external_id: str
