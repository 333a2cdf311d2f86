"""Typed access to queries.sql."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.conversations.types import (
    Appended,
    Holder,
    KnownTurn,
    PathItem,
    StoredCompaction,
    StoredConversation,
    StoredItem,
    Turn,
)
from app.db.sql import Connection, load
from app.ids import BranchId, ConversationId, ItemId, ProjectId, TurnId, UserId

_sql = load(__file__)
_get_turn = _sql.rows("get_turn", Turn)
_find_known_turn = _sql.rows("find_known_turn", KnownTurn)
_list_path_items = _sql.rows("list_path_items", StoredItem)
_list_path_ids = _sql.statement("list_path_ids")
_items_oldest_first = _sql.rows("list_items_oldest_first", StoredItem)
_items_newest_first = _sql.rows("list_items_newest_first", StoredItem)
_find_path_item = _sql.rows("find_path_item", PathItem)
_list_context_items = _sql.rows("list_context_items", StoredItem)
_get_latest_compaction = _sql.rows("get_latest_compaction", StoredItem)
_list_compactions = _sql.rows("list_compactions", StoredCompaction)
_insert_compaction = _sql.statement("insert_compaction")
_delete_compactions = _sql.statement("delete_compactions")
_list_range_items = _sql.rows("list_range_items", StoredItem)
_list_known_items = _sql.rows("list_known_items", StoredItem)
_lock_items = _sql.statement("lock_items")
_get_history_before = _sql.statement("get_history_before")
_append_turn = _sql.rows("append_turn", Appended)
_list_homes = _sql.rows("list_homes", Holder)
_list_heirs = _sql.rows("list_heirs", Holder)
_get_conversation = _sql.rows("get_conversation", StoredConversation)
_hold_conversation = _sql.rows("hold_conversation", StoredConversation)
_get_conversations = _sql.rows("get_conversations", StoredConversation)
_newest_first = _sql.rows("list_newest_first", StoredConversation)
_oldest_first = _sql.rows("list_oldest_first", StoredConversation)
_everyones_newest_first = _sql.rows("list_everyones_newest_first", StoredConversation)
_everyones_oldest_first = _sql.rows("list_everyones_oldest_first", StoredConversation)
_insert_conversation = _sql.statement("insert_conversation")
_insert_fork = _sql.statement("insert_fork")
_update_metadata = _sql.statement("update_metadata")
_set_title = _sql.statement("set_title")
_keep_made_title = _sql.statement("keep_made_title")

LOWEST_ID = ConversationId(UUID(int=0))
HIGHEST_ID = ConversationId(UUID(int=2**128 - 1))
POSITION_MAX = 2**31 - 1


async def list_path_ids(
    conn: Connection, project: ProjectId, branch: BranchId, *, until: int, most: int
) -> list[ItemId]:
    return await _list_path_ids.values(
        conn, project=project, branch_id=branch, until=until, most=most
    )


async def get_turn(conn: Connection, project: ProjectId, turn_id: TurnId) -> Turn | None:
    return await _get_turn.one(conn, project=project, turn_id=turn_id)


async def find_known_turn(
    conn: Connection,
    project: ProjectId,
    user_id: UserId,
    key_id: UUID,
    histories: Sequence[bytes],
    *,
    most: int,
) -> KnownTurn | None:
    """`key_id` is the principal's; `most` bounds how many turns with one history are looked at."""
    return await _find_known_turn.one(
        conn, project=project, user_id=user_id, key_id=key_id, histories=histories, most=most
    )


async def list_path_items(
    conn: Connection, project: ProjectId, branch_id: BranchId, *, until: int, most: int
) -> list[StoredItem]:
    return await _list_path_items.all(
        conn, project=project, branch_id=branch_id, until=until, most=most
    )


async def list_page_of_items(
    conn: Connection,
    project: ProjectId,
    branch_id: BranchId,
    *,
    until: int,
    descending: bool,
    cursor: int | None,
    most: int,
) -> list[StoredItem]:
    """The next ones of a path after the position `cursor`, in the order that is read."""
    query = _items_newest_first if descending else _items_oldest_first
    return await query.all(
        conn,
        project=project,
        branch_id=branch_id,
        until=until,
        above=-1 if cursor is None or descending else cursor,
        below=POSITION_MAX if cursor is None or not descending else cursor,
        most=most,
    )


async def find_path_item(
    conn: Connection, project: ProjectId, branch_id: BranchId, *, until: int, item_id: ItemId
) -> PathItem | None:
    return await _find_path_item.one(
        conn, project=project, branch_id=branch_id, until=until, item_id=item_id
    )


async def list_context_items(
    conn: Connection, project: ProjectId, branch_id: BranchId, *, until: int, most: int
) -> list[StoredItem]:
    return await _list_context_items.all(
        conn, project=project, branch_id=branch_id, until=until, most=most
    )


async def get_latest_compaction(
    conn: Connection, project: ProjectId, branch_id: BranchId, *, until: int
) -> StoredItem | None:
    return await _get_latest_compaction.one(conn, project=project, branch_id=branch_id, until=until)


async def list_compactions(
    conn: Connection, project: ProjectId, user_id: UserId, compaction_ids: Sequence[UUID]
) -> list[StoredCompaction]:
    return await _list_compactions.all(
        conn, project=project, user_id=user_id, compaction_ids=compaction_ids
    )


async def insert_compaction(conn: Connection, values: dict[str, Any]) -> None:
    await _insert_compaction.run(conn, **values)


async def delete_compactions(conn: Connection, project: ProjectId, sources: Sequence[UUID]) -> int:
    return await _delete_compactions.run(conn, project=project, sources=sources)


async def list_range_items(
    conn: Connection, project: ProjectId, branch_id: BranchId, *, from_position: int, until: int
) -> list[StoredItem]:
    return await _list_range_items.all(
        conn, project=project, branch_id=branch_id, from_position=from_position, until=until
    )


async def list_known_items(
    conn: Connection, project: ProjectId, item_ids: Sequence[ItemId], user_id: UserId | None
) -> list[StoredItem]:
    return await _list_known_items.all(conn, project=project, item_ids=item_ids, user_id=user_id)


async def lock_items(
    conn: Connection, project: ProjectId, item_ids: Sequence[ItemId]
) -> list[ItemId]:
    return await _lock_items.values(conn, project=project, item_ids=item_ids)


async def get_history_before(conn: Connection, project: ProjectId, turn_id: TurnId) -> bytes | None:
    """None of a turn that continues nothing."""
    found: bytes | None = await _get_history_before.value(conn, project=project, turn_id=turn_id)
    return found


async def append_turn(conn: Connection, values: dict[str, Any]) -> Appended:
    """`values` has every parameter of the statement; append.py puts them together."""
    appended = await _append_turn.one(conn, **values)
    assert appended is not None
    return appended


async def list_homes(
    conn: Connection, project: ProjectId, item_ids: Sequence[ItemId]
) -> list[Holder]:
    return await _list_homes.all(conn, project=project, item_ids=item_ids)


async def list_heirs(
    conn: Connection, project: ProjectId, item_ids: Sequence[ItemId]
) -> list[Holder]:
    return await _list_heirs.all(conn, project=project, item_ids=item_ids)


async def get_conversation(
    conn: Connection, project: ProjectId, conversation_id: ConversationId, *, hold: bool = False
) -> StoredConversation | None:
    """With `hold` it is not deleted before the transaction ends."""
    query = _hold_conversation if hold else _get_conversation
    return await query.one(conn, project=project, conversation_id=conversation_id)


async def get_conversations(
    conn: Connection, project: ProjectId, ids: Sequence[ConversationId]
) -> dict[ConversationId, StoredConversation]:
    found = await _get_conversations.all(conn, project=project, conversation_ids=ids)
    return {conversation.conversation_id: conversation for conversation in found}


async def list_conversations(
    conn: Connection,
    project: ProjectId,
    user_id: UserId | None,
    *,
    descending: bool,
    cursor: ConversationId | None,
    most: int,
) -> list[StoredConversation]:
    """Of one user, or of everyone where that is None."""
    values: dict[str, Any] = {
        "project": project,
        "above": cursor if cursor and not descending else LOWEST_ID,
        "below": cursor if cursor and descending else HIGHEST_ID,
        "most": most,
    }
    if user_id is None:
        query = _everyones_newest_first if descending else _everyones_oldest_first
        return await query.all(conn, **values)
    query = _newest_first if descending else _oldest_first
    return await query.all(conn, **values, user_id=user_id)


async def insert_conversation(
    conn: Connection,
    project: ProjectId,
    conversation_id: ConversationId,
    user_id: UserId,
    *,
    title: str | None,
    metadata: dict[str, Any],
    created_at: datetime,
) -> None:
    await _insert_conversation.run(
        conn,
        project=project,
        conversation_id=conversation_id,
        user_id=user_id,
        title=title,
        metadata=metadata,
        created_at=created_at,
    )


async def insert_fork(conn: Connection, values: dict[str, Any]) -> None:
    """`values` has every parameter of the statement; fork.py puts them together."""
    await _insert_fork.run(conn, **values)


async def update_metadata(
    conn: Connection,
    project: ProjectId,
    conversation_id: ConversationId,
    metadata: dict[str, Any],
) -> None:
    await _update_metadata.run(
        conn, project=project, conversation_id=conversation_id, metadata=metadata
    )


async def set_title(
    conn: Connection, project: ProjectId, conversation_id: ConversationId, title: str | None
) -> None:
    await _set_title.run(conn, project=project, conversation_id=conversation_id, title=title)


async def keep_made_title(
    conn: Connection,
    project: ProjectId,
    conversation_id: ConversationId,
    title: str,
    item_ids: Sequence[ItemId],
) -> None:
    await _keep_made_title.run(
        conn,
        project=project,
        conversation_id=conversation_id,
        title=title,
        item_ids=item_ids,
    )
