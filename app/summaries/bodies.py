"""What clients send to have something summarised."""

import msgspec

from app.memory.bodies import Name
from app.summaries.types import Method


class SummarizeBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Without a method it is as the setting `summaries` says."""

    method: Method | None = None
    model: Name | None = None


class SummarizeEpisodeBody(SummarizeBody, kw_only=True, forbid_unknown_fields=True):
    """An episode of a user, within a conversation where its memories name one."""

    episode: Name
    user: str | None = None
    conversation: str | None = None
