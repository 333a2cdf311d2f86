"""What erasing tells: how much went, by sort."""

from typing import Literal

import msgspec

from app.conversations.types import Conversation
from app.memory.types import Forgotten


class Erased(Forgotten, frozen=True, kw_only=True):
    """`requests` stay in the log, without their user."""

    conversations: int = 0
    responses: int = 0
    items: int = 0
    contents: int = 0
    event_logs: int = 0
    compactions: int = 0
    titles: int = 0
    blobs: int = 0
    files: int = 0
    idempotent_replies: int = 0
    settings: int = 0
    requests: int = 0

    def __add__(self, other: Forgotten) -> "Erased":
        sums = {n: getattr(self, n) + getattr(other, n, 0) for n in self.__struct_fields__}
        return Erased(**sums)


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """As OpenAI says it, and what went with it."""

    id: str
    object: Literal["response", "chat.completion.deleted", "conversation.deleted"]
    deleted: bool = True
    forgotten: Erased


class ErasedUser(msgspec.Struct, frozen=True, kw_only=True):
    object: Literal["user.deleted"] = "user.deleted"
    user: str
    deleted: bool = True
    forgotten: Erased


class LessenedConversation(Conversation, frozen=True, kw_only=True):
    """A conversation after an item of it was deleted."""

    forgotten: Erased
