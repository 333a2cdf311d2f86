"""Conversations of ChatGPT's data export: trees of messages, of which what was shown counts."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from app.errors import InvalidRequest
from app.ids import id_text
from app.memory.types import Trust
from app.transfer.derived import id_named
from app.transfer.types import NAME_LENGTH_MAX, MemoryLine, Told
from app.web.body import convert
from app.web.times import parse_time

SAID_BY: dict[str, Trust] = {"user": "user", "assistant": "assistant"}
TEXTS = ("text", "multimodal_text")
AFTER_SECONDS = 1e-6
"""How long after the message before it one without a time was said: the order is kept."""


class Author(msgspec.Struct, frozen=True):
    role: str = ""


class Content(msgspec.Struct, frozen=True):
    content_type: str = ""
    parts: list[Any] = []


class Message(msgspec.Struct, frozen=True):
    id: str
    author: Author = Author()
    content: Content = Content()
    create_time: float | None = None
    weight: float | None = 1.0
    recipient: str | None = "all"
    metadata: dict[str, Any] | None = None


class Node(msgspec.Struct, frozen=True):
    message: Message | None = None
    parent: str | None = None
    children: list[str] = []


class ChatGptConversation(msgspec.Struct, frozen=True):
    mapping: dict[str, Node]
    id: str | None = None
    conversation_id: str | None = None
    title: str | None = None
    create_time: float | None = None
    current_node: str | None = None


def of_chatgpt(value: dict[str, Any]) -> Told:
    """The conversation is named by an id made from ChatGPT's, the episode by its title."""
    talk = convert(value, ChatGptConversation)
    name = talk.conversation_id or talk.id or next(iter(talk.mapping), "")
    began = _time(talk.create_time) or datetime.fromtimestamp(0, UTC)
    conversation = id_text("conv", id_named(began, "chatgpt", name))
    lines, skipped, at = [], 0, began.timestamp()
    for message in _shown(talk):
        text = _text(message)
        if text is None:
            skipped += 1
            continue
        at = message.create_time or at + AFTER_SECONDS
        lines.append(
            MemoryLine(
                content=text,
                kind="message",
                trust=SAID_BY[message.author.role],
                speaker=message.author.role,
                conversation=conversation,
                episode=(talk.title or "")[:NAME_LENGTH_MAX] or None,
                external_id=message.id[:NAME_LENGTH_MAX] or None,
                occurred_at=at,
            )
        )
    return Told(lines, skipped)


def _shown(talk: ChatGptConversation) -> list[Message]:
    """From the first to the last, of the branch that was shown last. Raises InvalidRequest."""
    found: list[Node] = []
    at = talk.current_node or _newest(talk)
    while at is not None:
        node = talk.mapping.get(at)
        if node is None or len(found) > len(talk.mapping):
            raise InvalidRequest("The tree of messages is broken.", param="mapping")
        found.append(node)
        at = node.parent
    return [node.message for node in reversed(found) if node.message]


def _newest(talk: ChatGptConversation) -> str | None:
    """The leaf that was said last."""
    leaves = {name: node for name, node in talk.mapping.items() if not node.children}
    return max(leaves, key=lambda name: _said_at(leaves[name]), default=None)


def _said_at(node: Node) -> float:
    return (node.message.create_time if node.message else None) or 0.0


def _text(message: Message) -> str | None:
    """None where it is nothing that a user or an assistant said to the other."""
    hidden = (message.metadata or {}).get("is_visually_hidden_from_conversation")
    if message.author.role not in SAID_BY or hidden or message.weight == 0:
        return None
    if message.content.content_type not in TEXTS or message.recipient not in (None, "all"):
        return None
    text = "\n".join(filter(None, map(_part, message.content.parts)))
    return text if text.strip() else None


def _part(part: Any) -> str:
    """A text, or what was heard; images have none."""
    if isinstance(part, dict) and part.get("content_type") == "audio_transcription":
        part = part.get("text")
    return part if isinstance(part, str) else ""


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else parse_time(seconds, "create_time")
