"""Compactions as they are stored: a summary of a path's items, in place of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from app.conversations import queries
from app.conversations.types import NewCompaction, StoredItem
from app.db.sql import Connection
from app.ids import BranchId, ProjectId, UserId

COMPACTED = "compacted"
"""The type under which a stored compaction stands in a context."""


async def list_context(
    conn: Connection, project: ProjectId, branch: BranchId, until: int, most: int
) -> list[StoredItem]:
    """What a turn at a position continues: the latest compaction, and all items after it."""
    items = await queries.list_context_items(conn, project, branch, until=until, most=most)
    if until == 0 or (items and items[0].position == 0):
        return items  # nothing was left out
    latest = await queries.get_latest_compaction(conn, project, branch, until=until)
    return [latest, *items] if latest else items


async def find_compactions(
    conn: Connection, project: ProjectId, user: UserId, ids: Sequence[UUID]
) -> dict[UUID, Any]:
    """What they say; without those of others, and those that fell with what they were made from."""
    found = await queries.list_compactions(conn, project, user, ids)
    return {compaction.compaction_id: compaction.body for compaction in found}


async def keep_compaction(
    conn: Connection,
    project: ProjectId,
    user: UserId,
    branch: BranchId,
    position: int,
    made: NewCompaction,
) -> None:
    """In the transaction that stores its turn. It is not kept where something that it was made
    from was forgotten meanwhile: the context is then what is left."""
    values = {
        "project": project,
        "user_id": user,
        "branch_id": branch,
        "position": position,
        "compaction_id": made.compaction_id,
        "body": msgspec.Raw(made.body),
        "read": made.read,
        "new": made.new,
    }
    await queries.insert_compaction(conn, values)


async def forget_compactions(conn: Connection, project: ProjectId, items: Sequence[UUID]) -> int:
    """Those that were made from these items. Call it when the items are gone: a compaction that
    is stored at this moment waits for them."""
    return await queries.delete_compactions(conn, project, items)
