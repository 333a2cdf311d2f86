"""Looking at the items of a conversation."""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.blobs.images import without_bytes
from app.conversations import queries
from app.conversations.contents import shown
from app.conversations.parts import ConversationParts
from app.conversations.path import Path, find_item, path_of
from app.conversations.types import StoredItem
from app.ids import ProjectId, UserId
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller


async def list_items(
    parts: ConversationParts,
    caller: Caller,
    conversation: str,
    paging: PageQuery,
    *,
    images: bool,
) -> Page:
    """With the bytes of `images`, if asked: then a page of large ones is shorter. Raises
    ConversationNotFound, or NotFound where the cursor is no item of it."""
    async with parts.database.tenant(caller.project) as conn:
        path = await path_of(conn, caller, conversation)
        cursor = paging.cursor and await find_item(conn, caller.project, path, paging.cursor)
        items: Sequence[StoredItem] = []
        if path.branch is not None:
            items = await queries.list_page_of_items(
                conn,
                caller.project,
                path.branch,
                until=path.until,
                descending=paging.descending,
                cursor=cursor.position if cursor else None,
                most=paging.limit + 1,
            )
    if images:
        limit = min(paging.limit, parts.images.fitting([item.body for item in items]))
        items, paging = items[: limit + 1], msgspec.structs.replace(paging, limit=limit)
    return page(await _shown(parts, caller, path, items, images), paging)


async def get_item(
    parts: ConversationParts, caller: Caller, conversation: str, text: str, *, images: bool
) -> dict[str, Any]:
    """Raises ConversationNotFound or NotFound."""
    async with parts.database.tenant(caller.project) as conn:
        path = await path_of(conn, caller, conversation)
        item = await find_item(conn, caller.project, path, text)
    return (await _shown(parts, caller, path, [item], images))[0]


async def _shown(
    parts: ConversationParts,
    caller: Caller,
    path: Path,
    items: Sequence[StoredItem],
    images: bool,
) -> list[dict[str, Any]]:
    owner = path.conversation.user_id
    return await shown_items(parts, caller.project, owner, items, images=images)


async def shown_items(
    parts: ConversationParts,
    project: ProjectId,
    owner: UserId,
    items: Sequence[StoredItem],
    *,
    images: bool,
) -> list[dict[str, Any]]:
    """With the bytes of images only where they are asked for: they may be many times the rest."""
    found = [shown(item.item_id, item.status, item.body) for item in items]
    return await parts.images.shown(project, owner, found) if images else without_bytes(found)
