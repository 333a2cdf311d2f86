"""Reading the items of a turn."""

from app.conversations import queries
from app.conversations.types import StoredItem, Turn
from app.db.sql import Connection
from app.ids import BranchId, ItemId, ProjectId, TurnId


async def get_turn(conn: Connection, project: ProjectId, turn_id: TurnId) -> Turn | None:
    return await queries.get_turn(conn, project, turn_id)


async def list_items(
    conn: Connection, project: ProjectId, branch: BranchId, from_position: int, until: int
) -> list[StoredItem]:
    return await queries.list_range_items(
        conn, project, branch, from_position=from_position, until=until
    )


async def list_path(
    conn: Connection, project: ProjectId, branch: BranchId, until: int, most: int
) -> list[StoredItem]:
    """All that leads up to a position, from the beginning."""
    return await queries.list_path_items(conn, project, branch, until=until, most=most)


async def first_item(conn: Connection, project: ProjectId, turn: Turn) -> ItemId | None:
    """Of the whole path that ends with the turn."""
    found = await queries.list_path_items(
        conn, project, turn.branch_id, until=turn.end_position, most=1
    )
    return found[0].item_id if found else None
