"""Conversations over the wire, and all goes well."""

from typing import Any

from tests.support.api import Api, Json


async def new_conversation(api: Api, **fields: Any) -> str:
    return str((await posted(api, "", fields))["id"])


async def fork(api: Api, conversation: str, **fields: Any) -> str:
    return str((await posted(api, f"/{conversation}/fork", fields))["id"])


async def add(api: Api, conversation: str, *items: Json) -> list[Json]:
    data: list[Json] = (await posted(api, f"/{conversation}/items", {"items": items}))["data"]
    return data


async def posted(api: Api, path: str, body: Json) -> Json:
    reply = await api.send("POST", f"/v1/conversations{path}", body)
    assert reply.status == 200, reply.raw
    answer: Json = reply.body
    return answer


async def items_of(api: Api, conversation: str, query: str = "order=asc&limit=100") -> list[Json]:
    reply = await api.get(f"/v1/conversations/{conversation}/items?{query}")
    assert reply.status == 200, reply.raw
    data: list[Json] = reply.body["data"]
    return data


async def said_in(api: Api, conversation: str) -> list[str]:
    return said(*await items_of(api, conversation))


def said(*items: Json) -> list[str]:
    """The texts of messages, whoever says them."""
    return [item["content"][0]["text"] for item in items if item["type"] == "message"]
