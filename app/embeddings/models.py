"""The embedding model in use, and the one that is filled in beside it.

A service wants the model that is configured. Where another is in use, recall goes on with that one
until the vectors of the new one are all there; then it is switched to, for all at once, by one row
of the database that each worker reads every other second. docs/decisions/0009.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from app.config import Config
from app.db.connect import looking_as
from app.db.database import Database
from app.db.sql import Connection
from app.embeddings import queries
from app.embeddings.embedder_process import embedder_socket
from app.embeddings.frames import Status
from app.embeddings.process_embedder import ProcessEmbedder
from app.embeddings.types import Counted, Embedder, Lane, Vectors
from app.errors import Unavailable

log = structlog.get_logger()

REFRESH_SECONDS = 2.0
STATUS_SECONDS_MAX = 1.0


class Models:
    """An Embedder: that of the model in use."""

    def __init__(
        self,
        database: Database,
        wanted: ProcessEmbedder,
        open_by_name: Callable[[str], ProcessEmbedder],
    ) -> None:
        self._database = database
        self._wanted = wanted
        self._open_by_name = open_by_name
        self._opened = {wanted.model: wanted}
        self._in_use = wanted
        self._absent: list[str] = []
        self._settled = False
        self._said = False

    @property
    def model(self) -> str:
        return self._in_use.model

    @property
    def dimensions(self) -> int:
        return self._in_use.dimensions

    @property
    def filling(self) -> str | None:
        """The model that is filled in."""
        return None if self._in_use is self._wanted else self._wanted.model

    @property
    def absent(self) -> Sequence[str]:
        """Models that others use or fill in, and this service has not."""
        return self._absent

    def all(self) -> list[Embedder]:
        """The one in use, and the one that is filled in."""
        return [self._in_use] if self._in_use is self._wanted else [self._in_use, self._wanted]

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        return await self._in_use.embed(texts, lane)

    async def embed_counted(self, texts: Sequence[str], lane: Lane) -> Counted:
        return await self._in_use.embed_counted(texts, lane)

    async def status(self) -> Status:
        return await self._in_use.status()

    async def refresh(self) -> None:
        """Asks the database which model is in use, and switches if it is time."""
        async with self._database.across() as conn:
            found = await queries.list_wanted_models(conn)
        in_use = next((model.name for model in found if not model.filling), self._wanted.model)
        self._use(in_use)
        here = {embedder.model for embedder in self.all()}
        self._absent = [model.name for model in found if model.name not in here]

    async def settle(self) -> None:
        """Says which model is wanted, as soon as it can embed, and switches to it when it may."""
        if not self._said:
            self._said = await self._say_what_is_wanted()
        elif self.filling and await self._switch():
            await self.refresh()

    async def close(self) -> None:
        for embedder in self._opened.values():
            await embedder.close()

    def _use(self, in_use: str) -> None:
        """Who has used the wanted one goes on with it: others may have been given another, and
        this service is to be told of it by a new start."""
        if not self._settled and in_use != self._wanted.model:
            if in_use not in self._opened:
                self._opened[in_use] = self._open_by_name(in_use)
            self._in_use = self._opened[in_use]
            return
        if self._in_use is not self._wanted:
            log.info("embeddings.switched", model=self._wanted.model)
        self._settled = True
        self._in_use = self._wanted

    async def _say_what_is_wanted(self) -> bool:
        """Not before it is known how wide its vectors are."""
        try:
            async with asyncio.timeout(STATUS_SECONDS_MAX):
                dimensions = (await self._wanted.status()).dimensions
        except (TimeoutError, Unavailable):
            return False
        if not dimensions:
            return False
        async with self._database.across() as conn:
            await queries.want_model(conn, self._wanted.model, dimensions)
        return True

    async def _switch(self) -> bool:
        async with self._database.across() as conn:
            return await queries.switch_model(conn, self._wanted.model)


@asynccontextmanager
async def open_models(database: Database, config: Config) -> AsyncIterator[Models]:
    """Known before anything is embedded, and kept so."""

    def open_by_name(name: str) -> ProcessEmbedder:
        socket = embedder_socket(config.data_dir, name)
        return ProcessEmbedder(socket, name, config.embedder_timeout_seconds)

    models = Models(database, open_by_name(config.embedding_model), open_by_name)
    await models.refresh()
    keeping = asyncio.create_task(_keep_fresh(models))
    try:
        yield models
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await models.close()


async def _keep_fresh(models: Models) -> None:
    while True:
        try:
            await models.settle()
            await models.refresh()
        except Unavailable as error:
            log.warning("embeddings.not_refreshed", why=error.message)
        except Exception:
            log.exception("embeddings.not_refreshed")  # whatever it is: the next time may be better
        await asyncio.sleep(REFRESH_SECONDS)


async def models_filled_in(conn: Connection) -> list[str]:
    return [model.name for model in await queries.list_wanted_models(conn) if model.filling]


async def model_in_use(service_url: str) -> str | None:
    """None where nothing has been embedded yet."""
    async with looking_as(service_url, "the service's role") as conn:
        found = await queries.list_wanted_models(conn)
    return next((model.name for model in found if not model.filling), None)
