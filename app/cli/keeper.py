"""Who keeps projects and keys for a command: a running service, or the database by its owner."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import click
from msgspec.structs import replace

from app.cli.owner import owner_url
from app.cli.owner_keeper import open_owner_keeper
from app.cli.remote import find_target
from app.cli.service_keeper import open_service_keeper
from app.config import read_config
from app.identity.bodies import KeyPatch, NewKey, NewProject, ProjectPatch, Rotation
from app.identity.types import ApiKey, IssuedKey, Project, RotatedKey

Command = TypeVar("Command", bound=Callable[..., None])
T = TypeVar("T")


class Keeper(Protocol):
    """Each raises a BackstoryError; `project` None is the root project, or the key's own."""

    async def list_keys(self, project: str | None) -> list[ApiKey]: ...
    async def create_key(self, asked: NewKey) -> IssuedKey: ...
    async def change_key(self, project: str | None, key_id: str, asked: KeyPatch) -> ApiKey: ...
    async def rotate_key(self, project: str | None, key_id: str, asked: Rotation) -> RotatedKey: ...
    async def revoke_key(self, project: str | None, key_id: str) -> ApiKey: ...
    async def list_projects(self) -> list[Project]: ...
    async def get_project(self, project_id: str) -> Project: ...
    async def create_project(self, asked: NewProject) -> Project: ...
    async def rename_project(self, project_id: str, asked: ProjectPatch) -> Project: ...
    async def delete_project(self, project_id: str) -> None: ...


def with_keeper(command: Command) -> Command:
    """Options of a command about projects and keys, which hands them to `ask`."""
    options = (
        click.option("--url", envvar="BACKSTORY_URL", help="A running service to ask instead."),
        click.option("--key", envvar="BACKSTORY_KEY", help="Its admin key.  [credentials.json]"),
        click.option("--data-dir", type=click.Path(path_type=Path), help="As for serve.  [./data]"),
    )
    for option in reversed(options):
        command = option(command)
    return command


def ask(
    url: str | None,
    key: str | None,
    data_dir: Path | None,
    work: Callable[[Keeper], Awaitable[T]],
) -> T:
    """By the database, unless a service is named, or a key to it. Raises BackstoryError."""

    async def run() -> T:
        async with _opened(url, key, data_dir) as keeper:
            return await work(keeper)

    return asyncio.run(run())


@asynccontextmanager
async def _opened(url: str | None, key: str | None, data_dir: Path | None) -> AsyncIterator[Keeper]:
    config = read_config(os.environ, data_dir=data_dir)
    config = replace(config, data_dir=config.data_dir.resolve())
    if url or key:
        async with open_service_keeper(find_target(url, key, config.data_dir)) as service:
            yield service
    else:
        async with open_owner_keeper(owner_url(config), config) as owner:
            yield owner
