"""Looking at the items of a conversation."""

from collections.abc import Sequence
from typing import Any

from app.conversations import queries
from app.conversations.contents import shown
from app.conversations.parts import ConversationParts
from app.conversations.path import find_item, path_of
from app.conversations.types import PathItem, StoredItem
from app.web.pages import Page, PageQuery, page
from app.web.principal import Caller


async def list_items(
    parts: ConversationParts, caller: Caller, conversation: str, paging: PageQuery
) -> Page:
    """Raises ConversationNotFound, or NotFound where the cursor is no item of it."""
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
    return page([shown_item(item) for item in items], paging)


async def get_item(
    parts: ConversationParts, caller: Caller, conversation: str, text: str
) -> dict[str, Any]:
    """Raises ConversationNotFound or NotFound."""
    async with parts.database.tenant(caller.project) as conn:
        path = await path_of(conn, caller, conversation)
        return shown_item(await find_item(conn, caller.project, path, text))


def shown_item(item: StoredItem | PathItem) -> dict[str, Any]:
    return shown(item.item_id, item.status, item.body)
