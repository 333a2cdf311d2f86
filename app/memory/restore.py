"""What else of the store is needed to put back memories with all that was kept of them."""

from collections.abc import Sequence

from app.db.sql import Connection
from app.ids import ProjectId, UserId
from app.memory import queries


async def hold_scopes(conn: Connection, project: ProjectId, users: Sequence[UserId]) -> None:
    """Nobody else stores memories of these users under external ids until we are done."""
    await queries.lock_scopes(conn, project, sorted(users))


async def ensure_model(conn: Connection, name: str, dimensions: int) -> int:
    """The id under which this embedding model's vectors are kept."""
    return await queries.ensure_model(conn, name, dimensions)
