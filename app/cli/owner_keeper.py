"""Projects and keys kept by the database's owner: who has that needs no key."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from app.config import Config
from app.db.database import open_database
from app.db.migrate import check_migrated
from app.errors import StartError
from app.identity import keys, projects
from app.identity.administration import Admin, Administration
from app.identity.authenticate import Authenticator
from app.identity.bodies import KeyPatch, NewKey, NewProject, ProjectPatch, Rotation
from app.identity.bootstrap import find_root
from app.identity.change_key import change_key, revoke_key
from app.identity.rotate_key import rotate_key
from app.identity.types import ApiKey, IssuedKey, Project, RotatedKey
from app.web.pages import Page, PageQuery
from app.web.principal import Principal, Scope

List = Callable[[PageQuery], Awaitable[Page]]


class OwnerKeeper:
    def __init__(self, parts: Administration, admin: Admin) -> None:
        self._parts = parts
        self._admin = admin

    async def list_keys(self, project: str | None) -> list[ApiKey]:
        return await self._all(lambda p: keys.list_keys(self._parts, self._admin, project, p))

    async def create_key(self, asked: NewKey) -> IssuedKey:
        return await keys.create_key(self._parts, self._admin, asked)

    async def change_key(self, project: str | None, key_id: str, asked: KeyPatch) -> ApiKey:
        return await change_key(self._parts, self._admin, project, key_id, asked)

    async def rotate_key(self, project: str | None, key_id: str, asked: Rotation) -> RotatedKey:
        return await rotate_key(self._parts, self._admin, project, key_id, asked)

    async def revoke_key(self, project: str | None, key_id: str) -> ApiKey:
        return await revoke_key(self._parts, self._admin, project, key_id)

    async def list_projects(self) -> list[Project]:
        return await self._all(lambda p: projects.list_projects(self._parts, self._admin, p))

    async def get_project(self, project_id: str) -> Project:
        return await projects.get_project(self._parts, self._admin, project_id)

    async def create_project(self, asked: NewProject) -> Project:
        return await projects.create_project(self._parts, self._admin, asked)

    async def rename_project(self, project_id: str, asked: ProjectPatch) -> Project:
        return await projects.rename_project(self._parts, self._admin, project_id, asked)

    async def delete_project(self, project_id: str) -> None:
        await projects.delete_project(self._parts, self._admin, project_id)

    async def _all(self, list_: List) -> list[Any]:
        found: list[Any] = []
        after = None
        while True:
            page = await list_(PageQuery(self._parts.config.list_limit_max, "asc", after, None))
            found += page.data
            after = page.last_id
            if not page.has_more:
                return found


@asynccontextmanager
async def open_owner_keeper(url: str, config: Config) -> AsyncIterator[OwnerKeeper]:
    """Raises StartError, or Unavailable."""
    await check_migrated(url)
    async with open_database(url, config) as database:
        async with database.across() as conn:
            root = await find_root(conn)
        if root is None:
            raise StartError("The database has no project yet: 'backstory serve' makes the first.")
        principal = Principal(root, None, frozenset(Scope), root=True)
        authenticator = Authenticator(database, config.principal_ttl_seconds)
        yield OwnerKeeper(Administration(config, database, authenticator), Admin(principal))
