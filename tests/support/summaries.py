"""Summaries over the wire, and a project whose settings nobody has read yet."""

from typing import Any

from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.rows import count
from tests.support.service import Service

WAITING = "SELECT count(*) FROM outbox WHERE topic = 'summarize' AND failed_at IS NULL"


async def summarize(api: Api, conversation: str, **fields: Any) -> Json:
    reply = await api.send("POST", f"/v1/conversations/{conversation}/summarize", fields)
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


async def summaries(api: Api, user: str) -> list[Json]:
    """All of a user, also those that another continues; the newest first."""
    reply = await api.get(f"/v1/memories?kind=summary&user={user}")
    assert reply.status == 200, reply.raw
    data: list[Json] = reply.body["data"]
    return data


async def holding(api: Api, user: str) -> list[Json]:
    return [one for one in await summaries(api, user) if one["superseded_at"] is None]


async def none_waits(service: Service) -> None:
    async def none() -> bool:
        return await count(service, WAITING) == 0

    await eventually(none)
