"""Facts and summaries as they are stored by those who derive them."""

from uuid import UUID

from app.ids import new_id
from tests.support.api import Json
from tests.support.rows import connected
from tests.support.service import Service

DERIVED = """
    INSERT INTO memories (project_id, memory_id, user_id, kind, content, language, words,
        occurred_at, trust, conversation_id, episode)
    SELECT project_id, $1, user_id, $2, $3, language, 0, now(), trust, conversation_id, episode
    FROM memories WHERE memory_id = $4
"""
SOURCED = """
    INSERT INTO memory_sources (project_id, memory_id, source_type, source_id)
    SELECT project_id, $1, 'memory', memory_id FROM memories WHERE memory_id = ANY ($2)
"""


async def derive(service: Service, kind: str, text: str, sources: list[Json]) -> str:
    """A memory of this kind, of these memories. Its id."""
    made = new_id()
    ids = [as_uuid(source["id"]) for source in sources]
    async with connected(service.urls.owner) as conn:
        await conn.execute(DERIVED, made, kind, text, ids[0])
        await conn.execute(SOURCED, made, ids)
    return f"mem_{made.hex}"


def as_uuid(text: str) -> str:
    """The UUID in an id, as the database writes it."""
    return str(UUID(hex=text.rpartition("_")[2]))
