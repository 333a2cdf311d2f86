"""Memories over the wire: remembering, recalling, and waiting for vectors."""

from typing import Any

from app.ids import new_id
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.rows import count
from tests.support.service import Service

EMBEDDED = """
    SELECT count(*) FROM memory_vectors v JOIN users u USING (project_id, user_id)
    WHERE u.external_id = $1 AND v.part = 0
"""


def somebody() -> str:
    """A user that no other test knows."""
    return f"user-{new_id().hex}"


async def remember(api: Api, *contents: str, **fields: Any) -> list[Json]:
    """Remembers notes in one call, and all goes well."""
    body = {"memories": [{"content": content, **fields} for content in contents]}
    reply = await api.send("POST", "/v1/memories", body)
    assert reply.status == 200, reply.raw
    data: list[Json] = reply.body["data"]
    return data


async def recall(api: Api, query: str, **fields: Any) -> Json:
    reply = await api.send("POST", "/v1/recall", {"query": query, **fields})
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


async def recalled(api: Api, query: str, **fields: Any) -> list[str]:
    """What is recalled, best first."""
    return [found["memory"]["content"] for found in (await recall(api, query, **fields))["data"]]


async def embedded(service: Service, user: str, memories: int) -> None:
    """Waits until so many of this user's memories have their vectors."""

    async def there() -> bool:
        return await count(service, EMBEDDED, user) == memories

    await eventually(there)
