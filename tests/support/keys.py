"""Projects and keys, made as an admin makes them: by the API."""

from typing import Any
from uuid import UUID

from app.ids import ProjectId
from tests.support.api import Api, Json, Reply
from tests.support.memories import somebody
from tests.support.rows import connected, tenant_tables
from tests.support.service import Service


async def made_project(root: Api, name: str | None = None) -> str:
    """Its id."""
    reply = await root.send("POST", "/v1/projects", {"name": name or somebody()})
    assert reply.status == 200, reply.raw
    project_id: str = reply.body["id"]
    return project_id


def as_project(text: str) -> ProjectId:
    return ProjectId(UUID(hex=text.removeprefix("proj_")))


async def create_key(admin: Api, *scopes: str, **fields: Any) -> Reply:
    body = {"name": somebody(), "scopes": list(scopes), **fields}
    return await admin.send("POST", "/v1/api_keys", body)


async def made_key(admin: Api, *scopes: str, **fields: Any) -> Json:
    reply = await create_key(admin, *scopes, **fields)
    assert reply.status == 200, reply.raw
    made: Json = reply.body
    return made


async def opens(api: Api, key: str) -> bool:
    """Whether a key with the scope `engine` is good."""
    reply = await api.with_key(key).get("/v1/responses/resp_none")
    assert reply.status in (401, 404), reply.raw
    return reply.status == 404


async def tables_of(service: Service, project: str) -> set[str]:
    """The tables that have a row of it."""
    async with connected(service.urls.owner) as conn:
        return {
            table
            for table in await tenant_tables(conn)
            if await conn.fetchval(
                f"SELECT EXISTS (SELECT FROM {table} WHERE project_id = $1)", as_project(project)
            )
        }
