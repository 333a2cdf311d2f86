"""A whole conversation as one document, written page by page."""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Literal, get_args

import msgspec

from app.conversations.browse import shown
from app.conversations.items import shown_item
from app.conversations.markdown import markdown_heading, markdown_item
from app.conversations.parts import ConversationParts
from app.conversations.path import Path, pages, path_of
from app.conversations.types import Conversation, StoredItem
from app.errors import InvalidRequest
from app.ids import ProjectId, created_at
from app.web.principal import Caller

Format = Literal["json", "markdown"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "markdown": "text/markdown; charset=utf-8",
}
ENDINGS: dict[Format, str] = {"json": "json", "markdown": "md"}


class Export(msgspec.Struct, frozen=True):
    """A document that is about to be written."""

    chunks: AsyncGenerator[bytes]
    headers: dict[str, str]


def format_of(text: str | None) -> Format:
    """Raises InvalidRequest."""
    formats: tuple[Format, ...] = get_args(Format)
    for known in formats:
        if text == known:
            return known
    if text is None:
        return "json"
    raise InvalidRequest(f"'format' must be one of {', '.join(formats)}.", param="format")


async def export_conversation(
    parts: ConversationParts, caller: Caller, text: str, format_: Format
) -> Export:
    """As far as its head is now. Raises ConversationNotFound."""
    async with parts.database.tenant(caller.project) as conn:
        path = await path_of(conn, caller, text)
        names = await parts.users.names(conn, caller.project, {path.conversation.user_id})
    conversation = shown(path.conversation, names)
    write = _json if format_ == "json" else _markdown
    headers = {
        "content-type": MEDIA_TYPES[format_],
        "content-disposition": f'attachment; filename="{conversation.id}.{ENDINGS[format_]}"',
    }
    return Export(write(parts, caller.project, path, conversation), headers)


async def _json(
    parts: ConversationParts, project: ProjectId, path: Path, conversation: Conversation
) -> AsyncGenerator[bytes]:
    yield b'{"object":"conversation.export","conversation":%b,"items":[' % msgspec.json.encode(
        conversation
    )
    async for chunk in _joined(parts, project, path, _json_item, b","):
        yield chunk
    yield b"]}"


async def _markdown(
    parts: ConversationParts, project: ProjectId, path: Path, conversation: Conversation
) -> AsyncGenerator[bytes]:
    yield markdown_heading(conversation).encode() + b"\n"
    async for chunk in _joined(parts, project, path, _markdown_item, b"\n"):
        yield chunk


async def _joined(
    parts: ConversationParts,
    project: ProjectId,
    path: Path,
    write: Callable[[StoredItem], bytes],
    between: bytes,
) -> AsyncGenerator[bytes]:
    first = True
    async for items in pages(parts.database, project, path):
        page = between.join(write(item) for item in items)
        yield page if first else between + page
        first = False


def _json_item(item: StoredItem) -> bytes:
    return msgspec.json.encode({**shown_item(item), "created_at": _at(item)})


def _markdown_item(item: StoredItem) -> bytes:
    return markdown_item(item.body, _at(item)).encode()


def _at(item: StoredItem) -> datetime:
    """An item's id tells when it was made."""
    return created_at(item.item_id)
