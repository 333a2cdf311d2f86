"""Projects and keys kept by a running service, asked with an admin key."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from app.cli.remote import AWAY, Target, check, connected
from app.errors import StartError
from app.identity.bodies import KeyPatch, NewKey, NewProject, ProjectPatch, Rotation
from app.identity.types import ApiKey, IssuedKey, Project, RotatedKey

T = TypeVar("T")
LIMIT = 100


class ServiceKeeper:
    def __init__(self, http: aiohttp.ClientSession, target: Target) -> None:
        self._http = http
        self._target = target

    async def list_keys(self, project: str | None) -> list[ApiKey]:
        return await self._all("/api_keys", ApiKey, _query(project))

    async def create_key(self, asked: NewKey) -> IssuedKey:
        return await self._ask("POST", "/api_keys", IssuedKey, body=asked)

    async def change_key(self, project: str | None, key_id: str, asked: KeyPatch) -> ApiKey:
        path = _path("api_keys", key_id)
        return await self._ask("PATCH", path, ApiKey, body=asked, query=_query(project))

    async def rotate_key(self, project: str | None, key_id: str, asked: Rotation) -> RotatedKey:
        path = _path("api_keys", key_id, "rotate")
        return await self._ask("POST", path, RotatedKey, body=asked, query=_query(project))

    async def revoke_key(self, project: str | None, key_id: str) -> ApiKey:
        return await self._ask("DELETE", _path("api_keys", key_id), ApiKey, query=_query(project))

    async def list_projects(self) -> list[Project]:
        return await self._all("/projects", Project, {})

    async def get_project(self, project_id: str) -> Project:
        return await self._ask("GET", _path("projects", project_id), Project)

    async def create_project(self, asked: NewProject) -> Project:
        return await self._ask("POST", "/projects", Project, body=asked)

    async def rename_project(self, project_id: str, asked: ProjectPatch) -> Project:
        return await self._ask("PATCH", _path("projects", project_id), Project, body=asked)

    async def delete_project(self, project_id: str) -> None:
        await self._ask("DELETE", _path("projects", project_id), dict[str, Any])

    async def _all(self, path: str, of: type[T], query: Mapping[str, str]) -> list[T]:
        found: list[T] = []
        asked = {"limit": str(LIMIT), "order": "asc", **query}
        while True:
            page = await self._ask("GET", path, dict[str, Any], query=asked)
            found += msgspec.convert(page["data"], list[of])  # type: ignore[valid-type]  # a type at run time
            asked["after"] = page["last_id"]
            if not page["has_more"]:
                return found

    async def _ask(
        self,
        method: str,
        path: str,
        of: type[T],
        *,
        body: msgspec.Struct | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        """Once: a key that was made and not told would be lost. Raises StartError."""
        data = msgspec.json.encode(body) if body is not None else None
        url = self._target.base_url + path
        try:
            async with self._http.request(method, url, data=data, params=query) as answer:
                await check(answer)
                return msgspec.json.decode(await answer.read(), type=of)
        except AWAY as error:
            raise StartError(f"{self._target.base_url} does not answer.") from error


def _path(*segments: str) -> str:
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def _query(project: str | None) -> dict[str, str]:
    return {} if project is None else {"project": project}


@asynccontextmanager
async def open_service_keeper(target: Target) -> AsyncIterator[ServiceKeeper]:
    async with connected(target) as http:
        yield ServiceKeeper(http, target)
