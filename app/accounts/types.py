"""Users as the application and their own browsers see them, and what is stored of their log-ins."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from app.ids import SessionId, UserId
from app.web.metadata import Metadata


class StoredAccount(msgspec.Struct, frozen=True):
    user_id: UserId
    external_id: str
    metadata: dict[str, Any]
    disabled_at: datetime | None
    created_at: datetime
    email: str | None
    has_password: bool


class StoredLogin(msgspec.Struct, frozen=True):
    user_id: UserId
    password_hash: str | None
    password_set_at: datetime


class OwnLogin(msgspec.Struct, frozen=True):
    email: str
    user_id: UserId
    password_hash: str | None
    password_set_at: datetime


class HeldUser(msgspec.Struct, frozen=True):
    external_id: str
    disabled_at: datetime | None


class ListedSession(msgspec.Struct, frozen=True):
    session_id: SessionId
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    user_agent: str | None
    address: str | None


class RotatedSession(msgspec.Struct, frozen=True):
    session_id: SessionId
    user_id: UserId
    external_id: str
    token_expires_at: datetime
    expires_at: datetime


class UsedToken(RotatedSession, frozen=True):
    is_last: bool
    age_seconds: float


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """The same as `external_id`: what paths and lists go by."""
    object: Literal["user"] = "user"
    external_id: str
    email: str | None
    has_password: bool
    metadata: dict[str, Any]
    disabled: bool
    created_at: datetime


class Session(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["session"] = "session"
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    user_agent: str | None
    address: str | None
    current: bool


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens are shown here and never again."""

    id: str
    object: Literal["session"] = "session"
    user: str
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int
    """Seconds of the access token, as OAuth has it."""
    refresh_token: str
    expires_at: datetime
    """Of the session, however often it is refreshed."""


class Me(User, frozen=True, kw_only=True):
    session: str


class EndedSession(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["session.deleted"] = "session.deleted"
    deleted: Literal[True] = True


class EndedSessions(msgspec.Struct, frozen=True, kw_only=True):
    object: Literal["sessions.deleted"] = "sessions.deleted"
    deleted: Literal[True] = True
    count: int


class ChangedPassword(msgspec.Struct, frozen=True, kw_only=True):
    object: Literal["password"] = "password"
    changed: Literal[True] = True
    sessions_ended: int


class PasswordReset(msgspec.Struct, frozen=True, kw_only=True):
    """For the application to deliver; the token is shown here and never again."""

    object: Literal["password_reset"] = "password_reset"
    user: str
    email: str
    token: str
    expires_at: datetime


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str
    password: str


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: str


class PasswordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: str
    new_password: str


class ResetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str
    password: str


class AskResetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str
    expires_in: int | None = None
    """Seconds."""


class AskResetOfBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    expires_in: int | None = None


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    external_id: str | None = None
    email: str | None = None
    password: str | None = None
    metadata: Metadata = {}


class UserPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str | UnsetType | None = UNSET
    password: str | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
