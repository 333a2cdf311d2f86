"""What else of the store is needed to put back memories with all that was kept of them."""

from collections.abc import Sequence

from app.db.sql import Connection
from app.embeddings.models import models_filled_in
from app.ids import ProjectId, UserId
from app.memory import queries
from app.memory.vectors import queries as vector_queries
from app.memory.vectors.reembed import ask_reembedding


async def hold_scopes(conn: Connection, project: ProjectId, users: Sequence[UserId]) -> None:
    """Nobody else stores memories of these users under external ids until we are done."""
    await queries.lock_scopes(conn, project, sorted(users))


async def ensure_model(conn: Connection, name: str, dimensions: int) -> int:
    """The id under which this embedding model's vectors are kept."""
    return await vector_queries.ensure_model(conn, name, dimensions)


async def ask_for_other_vectors(conn: Connection, project: ProjectId) -> None:
    """Memories came with vectors of one model: one that is filled in has none of them."""
    await ask_reembedding(conn, project, await models_filled_in(conn))
