"""Reading the items of a turn."""

from app.conversations import queries
from app.conversations.types import StoredItem, Turn
from app.db.sql import Connection
from app.ids import BranchId, ProjectId, TurnId


async def get_turn(conn: Connection, project: ProjectId, turn_id: TurnId) -> Turn | None:
    return await queries.get_turn(conn, project, turn_id)


async def list_items(
    conn: Connection, project: ProjectId, branch: BranchId, from_position: int, until: int
) -> list[StoredItem]:
    return await queries.list_range_items(
        conn, project, branch, from_position=from_position, until=until
    )
