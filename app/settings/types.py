"""Backstory's own settings: the document under the key `backstory`, of a project or a user."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from app.ids import UserId
from app.web.limits import Dollars, Limits

OWN_KEY = "backstory"
SUMMARIZE_AFTER_MAX = 12_000
"""So much is summarised at a time."""
RETENTION_DAYS_MAX = 36_500
TOKEN_SECONDS_MAX = 86_400
SESSION_SECONDS_MAX = 31_536_000
ORIGINS_MAX = 100
MODELS_MAX = 1_000

Origin = Annotated[str, Meta(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^\sA-Z/?#*@]{1,255})$")]
"""As browsers send it: a scheme, a host and perhaps a port, in lower case; `*` is every one."""

OF_PROJECT_ALONE = {
    *("signup", "session_token_seconds", "session_seconds", "cors_origins"),
    *("user_limits", "prices"),
}
"""Settings that no user has another value of."""


class ModelPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars for a million tokens. Cached input costs as other input where nothing is said."""

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """A user's values overlay the project's. `memory` and `cache` are as in a request's body."""

    on_disconnect: Literal["finish", "cancel"] = "finish"
    memory: bool | dict[str, Any] | None = None
    cache: bool | dict[str, Any] | None = None
    titles: Literal["off", "words", "engine"] = "words"
    """What makes a conversation's title; `engine` costs a short call a conversation."""
    title_model: str | None = None
    """By default the model that the conversation was answered by."""
    facts: Literal["off", "engine"] = "off"
    """Whether messages become facts; `engine` costs a call or two for some sixteen messages."""
    facts_model: str | None = None
    """By default the model that the conversation was answered by, or the only one there is."""
    summaries: Literal["extract", "engine"] = "extract"
    """What writes summaries: sentences that were said, or the engine."""
    summary_model: str | None = None
    """By default the model that the conversation was answered by."""
    summarize_after: Annotated[int, Meta(ge=1, le=SUMMARIZE_AFTER_MAX)] | None = None
    """Conversations are summarised by themselves, each time so many tokens have been said."""
    profiles: Literal["off", "engine"] = "off"
    """Whether the engine sums profiles up."""
    image_urls: Literal["pass", "fetch", "refuse"] = "pass"
    """What becomes of an image's URL: the engine gets it as it is, or the image, or neither."""
    compact_threshold: Annotated[int, Meta(ge=1)] | None = None
    """Contexts that are continued and have more tokens are compacted."""
    memory_retention_days: Annotated[int, Meta(ge=1, le=RETENTION_DAYS_MAX)] | None = None
    """Memories are dropped so long after they were remembered; None keeps them for ever."""
    memory_language: Annotated[str, Meta(pattern="^[a-z]{2,3}$")] | None = None
    """What memories are written in (ISO 639-1); by default each text tells it."""
    signup: Literal["off", "open"] = "off"
    """Whether anybody may sign up who has the publishable key."""
    session_token_seconds: Annotated[int, Meta(ge=60, le=TOKEN_SECONDS_MAX)] = 3_600
    """How long a session's access token is good."""
    session_seconds: Annotated[int, Meta(ge=60, le=SESSION_SECONDS_MAX)] = 2_592_000
    """How long a session is, however often it is refreshed."""
    cors_origins: Annotated[list[Origin], Meta(max_length=ORIGINS_MAX)] = []
    """The origins of pages from which browsers may call."""
    models: Annotated[list[str], Meta(max_length=MODELS_MAX)] | None = None
    """What users may ask for with their sessions; None is every model that there is."""
    user_limits: Limits | None = None
    """What each user may spend, as far as it is not said of them otherwise."""
    prices: Annotated[dict[str, ModelPrice], Meta(max_length=MODELS_MAX)] = {}
    """What models cost here, whatever is known of them elsewhere."""


class StoredValue(msgspec.Struct, frozen=True):
    user_id: UserId
    value: str


class StoredDocument(msgspec.Struct, frozen=True):
    value: Any
    version: int


class StoredSetting(msgspec.Struct, frozen=True):
    """`value` is JSON as text: numbers stay as they were written."""

    key: str
    user_id: UserId
    value: str
    version: int
    updated_at: datetime


class StoredVersion(msgspec.Struct, frozen=True):
    version: int
    value: str | None
    changed_at: datetime


class StoredChange(msgspec.Struct, frozen=True):
    change: int
    user_id: UserId
    key: str
    version: int
    value: str | None
    changed_at: datetime
    changed_by: UUID | None


class Setting(msgspec.Struct, kw_only=True):
    """A setting as the API shows it. Of a user: `value` is theirs over the project's, `version`
    that of their own, 0 where they have none."""

    object: Literal["setting"] = "setting"
    key: str
    user: str | None
    value: msgspec.Raw
    version: int
    updated_at: datetime

    @property
    def id(self) -> str:
        return self.key


class DeletedSetting(msgspec.Struct, kw_only=True):
    object: Literal["setting.deleted"] = "setting.deleted"
    key: str
    user: str | None
    version: int
    """Of the deletion: the next value has the one after it."""
    deleted: Literal[True] = True


class SettingVersion(msgspec.Struct, kw_only=True):
    """`value` is left out where it was deleted."""

    object: Literal["setting.version"] = "setting.version"
    key: str
    user: str | None
    version: int
    deleted: bool
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    updated_at: datetime
    changed_by: str | None

    @property
    def id(self) -> str:
        return str(self.version)


class SettingChange(msgspec.Struct, kw_only=True):
    """What an application that keeps settings in memory asks for, after the last that it saw."""

    id: str
    object: Literal["setting.change"] = "setting.change"
    key: str
    user: str | None
    version: int
    deleted: bool
    updated_at: datetime
