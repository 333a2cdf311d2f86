"""A whole conversation as one document, written page by page."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Literal, get_args

import msgspec

from app.blobs.parts import refs_in
from app.conversations.bodies import IMAGES
from app.conversations.browse import shown
from app.conversations.contents import item_id_text
from app.conversations.items import shown_items
from app.conversations.markdown import markdown_heading, markdown_item
from app.conversations.parts import ConversationParts
from app.conversations.path import Path, pages, path_of
from app.conversations.types import Conversation, StoredItem
from app.engine.types import Item
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
    between = b""
    async for items in pages(parts.database, project, path):
        for some in _with_few_images(items):
            owner = path.conversation.user_id
            shown_some = await shown_items(parts, project, owner, some, images=True)
            yield between + b",".join(map(_json_item, some, shown_some))
            between = b","
    yield b"]}"


def _with_few_images(items: list[StoredItem]) -> list[list[StoredItem]]:
    """Those with images one by one, since all their bytes are held while they are written."""
    if refs_in([item.body for item in items]):
        return [[item] for item in items]
    return [items]


def _json_item(item: StoredItem, as_shown: Item) -> bytes:
    return msgspec.json.encode({**as_shown, "created_at": _at(item)})


async def _markdown(
    parts: ConversationParts, project: ProjectId, path: Path, conversation: Conversation
) -> AsyncGenerator[bytes]:
    yield markdown_heading(conversation).encode()
    async for items in pages(parts.database, project, path):
        yield "".join(_markdown_item(item, conversation.id) for item in items).encode()


def _markdown_item(item: StoredItem, conversation: str) -> str:
    """An image that has no address of its own can be had with its item."""
    item_id = item_id_text(item.item_id, item.type)
    link = f"/v1/conversations/{conversation}/items/{item_id}?include={IMAGES}"
    return "\n" + markdown_item(item.body, _at(item), link)


def _at(item: StoredItem) -> datetime:
    """An item's id tells when it was made."""
    return created_at(item.item_id)
