"""Typed access to queries.sql."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.conversations.types import KnownTurn, StoredConversation, StoredItem, Turn
from app.db.sql import Connection, load
from app.ids import BranchId, ConversationId, ItemId, KeyId, ProjectId, TurnId, UserId

_sql = load(__file__)
_get_turn = _sql.rows("get_turn", Turn)
_find_known_turn = _sql.rows("find_known_turn", KnownTurn)
_list_path_items = _sql.rows("list_path_items", StoredItem)
_list_range_items = _sql.rows("list_range_items", StoredItem)
_list_known_items = _sql.rows("list_known_items", StoredItem)
_get_item = _sql.rows("get_item", StoredItem)
_get_conversation = _sql.rows("get_conversation", StoredConversation)
_insert_conversation = _sql.statement("insert_conversation")


async def get_turn(conn: Connection, project: ProjectId, turn_id: TurnId) -> Turn | None:
    return await _get_turn.one(conn, project=project, turn_id=turn_id)


async def find_known_turn(
    conn: Connection,
    project: ProjectId,
    user_id: UserId,
    key_id: KeyId,
    histories: Sequence[bytes],
    *,
    most: int,
) -> KnownTurn | None:
    """`most` bounds how many turns with one history are looked at."""
    return await _find_known_turn.one(
        conn, project=project, user_id=user_id, key_id=key_id, histories=histories, most=most
    )


async def list_path_items(
    conn: Connection, project: ProjectId, branch_id: BranchId, *, until: int, most: int
) -> list[StoredItem]:
    return await _list_path_items.all(
        conn, project=project, branch_id=branch_id, until=until, most=most
    )


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


async def get_item(
    conn: Connection, project: ProjectId, item_id: ItemId, user_id: UserId | None
) -> StoredItem | None:
    return await _get_item.one(conn, project=project, item_id=item_id, user_id=user_id)


async def get_conversation(
    conn: Connection, project: ProjectId, conversation_id: ConversationId
) -> StoredConversation | None:
    return await _get_conversation.one(conn, project=project, conversation_id=conversation_id)


async def insert_conversation(
    conn: Connection,
    project: ProjectId,
    conversation_id: ConversationId,
    user_id: UserId,
    *,
    metadata: dict[str, Any],
    created_at: datetime,
) -> None:
    await _insert_conversation.run(
        conn,
        project=project,
        conversation_id=conversation_id,
        user_id=user_id,
        metadata=metadata,
        created_at=created_at,
    )
