"""What summaries are about, as keys: `conversation:<hex>`, `episode:<stretch>`, `profile`.

A stretch is a conversation and an episode, as the column of memories has it.
"""

from uuid import UUID

import msgspec

from app.ids import ConversationId, ProjectId, UserId

CONVERSATION, EPISODE, PROFILE = "conversation", "episode", "profile"


class About(msgspec.Struct, frozen=True):
    project: ProjectId
    user: UserId
    key: str

    @property
    def sort(self) -> str:
        return self.key.partition(":")[0]

    @property
    def stretch(self) -> str:
        return self.key.partition(":")[2]

    @property
    def conversation(self) -> ConversationId | None:
        text = self.stretch.partition("/")[0]
        return ConversationId(UUID(text)) if text else None

    @property
    def episode(self) -> str | None:
        return self.stretch.partition("/")[2] or None


def conversation_key(conversation: ConversationId) -> str:
    return f"{CONVERSATION}:{conversation}"


def episode_key(conversation: ConversationId | None, episode: str) -> str:
    return f"{EPISODE}:{conversation or ''}/{episode}"
