"""Keys and users with limits, and their windows of time, which tests move by hand."""

from typing import Any
from uuid import UUID

from app.ids import id_text
from tests.support.api import Api, Json
from tests.support.rows import connected, new_key
from tests.support.service import Service

SCOPES = ("engine", "memory:read", "memory:write", "cache", "users")


class Limited:
    """A key that is limited, and what is counted of it."""

    def __init__(self, service: Service, admin: Api, api: Api, key_id: UUID) -> None:
        self._service = service
        self.admin = admin
        self.api = api
        """Speaks with the key."""
        self.key_id = key_id
        self.path = f"/v1/api_keys/{id_text('key', key_id)}/limits"

    async def set(self, **limits: Any) -> Json:
        reply = await self.admin.send("PUT", self.path, limits)
        assert reply.status == 200, reply.raw
        body: Json = reply.body
        return body

    async def used(self, limit: str) -> float:
        return await used(self.admin, self.path, limit)

    async def stay(self) -> None:
        """The windows that have begun last for this test, whatever the clock says."""
        await self._move("+ interval '100 days'")

    async def turn(self) -> None:
        """The windows that have begun are over."""
        await self._move("- interval '1000 days'")

    async def _move(self, by: str) -> None:
        async with connected(self._service.urls.owner) as conn:
            await conn.execute(
                f"UPDATE limit_counters SET began_at = began_at {by} WHERE key_id = $1",
                self.key_id,
            )


async def limited_key(service: Service, api: Api, **limits: Any) -> Limited:
    """A new key with these limits, which have not been touched."""
    key = await new_key(service, *SCOPES)
    async with connected(service.urls.owner) as conn:
        key_id = await conn.fetchval("SELECT key_id FROM api_keys WHERE prefix = $1", key[38:50])
    limited = Limited(service, api.with_key(service.admin_key), api.with_key(key), key_id)
    await limited.set(**limits)
    return limited


async def used(admin: Api, path: str, limit: str) -> float:
    reply = await admin.get(path)
    assert reply.status == 200, reply.raw
    [window] = [one for one in reply.body["windows"] if one["limit"] == limit]
    found: float = window["used"]
    return found
