"""The service for Hypothesis, which knows no event loop: driven from a thread, and restarted."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from app.config import Config
from tests.support.api import Api, Json, Reply, open_api
from tests.support.postgres_fixtures import DatabaseUrls
from tests.support.service import run_service

T = TypeVar("T")


class RestartingService:
    """Runs in the loop that made it. `send` and `restart` are called from another thread."""

    def __init__(self, urls: DatabaseUrls, config: Config) -> None:
        self._urls, self._config = urls, config
        self._running = AsyncExitStack()
        self._loop = asyncio.get_running_loop()
        self._api: Api | None = None
        self._key: str | None = None

    async def start(self) -> None:
        service = await self._running.enter_async_context(run_service(self._urls, self._config))
        self._key = self._key or service.api_key  # each start gives another one
        api = await self._running.enter_async_context(open_api(service))
        self._api = api.with_key(self._key)

    async def stop(self) -> None:
        await self._running.aclose()

    def restart(self) -> None:
        async def restarted() -> None:
            await self.stop()
            await self.start()

        self._do(restarted)

    def send(self, user: str | None, method: str, path: str, body: Json | None = None) -> Reply:
        assert self._api
        api = self._api.as_user(user) if user else self._api
        return self._do(lambda: api.send(method, path, body))

    def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        async def done() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()
