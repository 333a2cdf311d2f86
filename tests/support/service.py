"""The real service inside a test's own loop: real server, real database, an engine of choice."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from app.config import Config
from app.db.migrate import migrate
from app.identity.bootstrap import FirstKeys, ensure_first_project
from app.main import create_app
from tests.support.postgres_fixtures import DatabaseUrls
from tests.support.watched import Watched

SECRET = "c2VjcmV0LWZvci10ZXN0cy1vbmx5LTMyLWJ5dGVzISE="
START_SECONDS_MAX = 20.0


class Service(msgspec.Struct, frozen=True):
    """A running service. `base_url` ends in /v1, as the openai SDK wants it."""

    root_url: str
    keys: FirstKeys
    urls: DatabaseUrls
    config: Config

    @property
    def base_url(self) -> str:
        return f"{self.root_url}/v1"

    @property
    def api_key(self) -> str:
        return self.keys.api_key

    @property
    def admin_key(self) -> str:
        return self.keys.admin_key

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}


@asynccontextmanager
async def run_service(urls: DatabaseUrls, config: Config) -> AsyncIterator[Service]:
    """`config` names the engine and the data directory; the rest is set here."""
    await migrate(urls.owner)
    keys = await ensure_first_project(urls.owner, None)
    config = msgspec.structs.replace(
        config, database_url=urls.service, secret_key=SECRET, port=free_port()
    )
    server = Server(
        Watched(create_app(config)),
        address=config.host,
        port=config.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        log_level=LogLevels.warning,
        backpressure=4096,
    )
    task = asyncio.create_task(server.serve())
    service = Service(f"http://{config.host}:{config.port}", keys, urls, config)
    try:
        await _until_live(service.root_url, task)
        yield service
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian leaves it untyped
        await asyncio.wait_for(task, timeout=config.drain_seconds + 10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_live(root_url: str, task: asyncio.Task[None]) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(START_SECONDS_MAX):
        while not task.done():
            with suppress(aiohttp.ClientError):
                async with http.get(f"{root_url}/health/live") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0)
    await task
