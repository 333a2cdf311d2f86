"""The path of items that a conversation is: found by its head, read in pages."""

from collections.abc import AsyncGenerator

import msgspec

from app.conversations import queries
from app.conversations.contents import parse_item_id
from app.conversations.context import find_conversation
from app.conversations.types import PathItem, StoredConversation, StoredItem
from app.db.database import Database
from app.db.sql import Connection
from app.errors import NotFound
from app.ids import BranchId, ConversationId, ItemId, ProjectId
from app.web.principal import Caller

PAGE_ITEMS = 200


class Path(msgspec.Struct, frozen=True):
    """A branch up to a position, with what it forked from; None where nothing was said yet."""

    conversation: StoredConversation
    branch: BranchId | None = None
    until: int = 0


async def path_of(conn: Connection, caller: Caller, text: str, *, hold: bool = False) -> Path:
    """With `hold` the conversation is not deleted meanwhile. Raises ConversationNotFound."""
    found = await find_conversation(conn, caller, text, hold=hold)
    return await path_to_head(conn, caller.project, found)


async def path_to_head(conn: Connection, project: ProjectId, found: StoredConversation) -> Path:
    if found.head_turn_id is None:
        return Path(found)
    head = await queries.get_turn(conn, project, found.head_turn_id)
    assert head is not None
    return Path(found, head.branch_id, head.end_position)


async def list_path_ids(
    conn: Connection, project: ProjectId, conversation: ConversationId, most: int
) -> list[ItemId]:
    """The newest messages up to a conversation's head, in their order; none where it is gone."""
    found = await queries.get_conversation(conn, project, conversation)
    path = await path_to_head(conn, project, found) if found else None
    if path is None or path.branch is None:
        return []
    return await queries.list_path_ids(conn, project, path.branch, until=path.until, most=most)


async def find_item(conn: Connection, project: ProjectId, path: Path, text: str) -> PathItem:
    """Raises NotFound, also for an item of another conversation."""
    item_id = parse_item_id(text)
    found = None
    if item_id is not None and path.branch is not None:
        found = await queries.find_path_item(
            conn, project, path.branch, until=path.until, item_id=item_id
        )
    if found is None:
        raise NotFound(f"Item with id '{text}' not found.", code="item_not_found")
    return found


async def pages(
    database: Database, project: ProjectId, path: Path
) -> AsyncGenerator[list[StoredItem]]:
    """All items, the oldest first. No connection is held while a page is used."""
    cursor: int | None = None
    while path.branch is not None:
        async with database.tenant(project) as conn:
            items = await queries.list_page_of_items(
                conn,
                project,
                path.branch,
                until=path.until,
                descending=False,
                cursor=cursor,
                most=PAGE_ITEMS,
            )
        if items:
            yield items
        if len(items) < PAGE_ITEMS:
            return
        cursor = items[-1].position
