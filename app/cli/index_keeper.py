"""The index of vectors, made by `serve` in the background once there is much to search."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import structlog

from app.config import Config
from app.db.connect import connect_as
from app.errors import StartError
from app.memory.vectors.index import (
    IndexedModel,
    Progress,
    build_index,
    largest_project,
    list_models,
)

log = structlog.get_logger()

LOOK_SECONDS = 60.0
STOP_SECONDS_MAX = 10.0
TOLD_STEP = 0.25


class IndexKeeper:
    """Kept by the supervisor; in a thread of its own."""

    name = "vector index"

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self._config = config
        self._say = say
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="vector index", daemon=True)
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._thread.start()

    def restart_if_dead(self) -> bool:
        return False

    def stop(self) -> None:
        """An index half made is cleared away by the next who makes it."""
        if self._thread.ident is not None:
            self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join(STOP_SECONDS_MAX)

    def _cancel(self) -> None:
        if self._keeping:
            self._keeping.cancel()

    def _run(self) -> None:
        self._keeping = self._loop.create_task(self._keep())
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._keeping)
        self._loop.close()

    async def _keep(self) -> None:
        while True:
            try:
                await self._build_missing()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, StartError) as error:
                log.warning("index.not_made", why=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def _build_missing(self) -> None:
        url = self._config.database_owner_url
        assert url is not None
        conn = await connect_as(url, "its owner")
        try:
            large = await largest_project(conn) > self._config.recall_exact_max
            models = await list_models(conn) if large else []
        finally:
            await conn.close()
        for model in models:
            if not model.valid:
                await self._build(url, model)

    async def _build(self, url: str, model: IndexedModel) -> None:
        told = 0.0

        def tell(progress: Progress) -> None:
            nonlocal told
            if progress.share is not None and progress.share >= told + TOLD_STEP:
                told = progress.share
                self._say(f"Making the index of vectors: {progress.share:.0%}, {progress.phase}")

        self._say(f"Making the index of the vectors of {model.name}")
        done = await build_index(url, model, self._config.vector_index_bytes_max, tell)
        self._say(f"The index of vectors is {done}")
