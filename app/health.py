"""/health: whether the service lives, and whether it can do its work.

Anyone may ask, as often as they like: so what it costs is bounded, and what it waits for too.
"""

import asyncio
import math
import time
from typing import Any, Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from app import __version__
from app.db.database import Database
from app.embeddings.models import Models
from app.engine.breaker import Breaker, State
from app.errors import Unavailable
from app.jobs.outbox import backlog
from app.jobs.types import Backlog
from app.responses.run import Runs
from app.usage.record import RequestLog
from app.web.principal import Access, guarded

PUBLIC = guarded(Access.PUBLIC)
EMBEDDER_SECONDS_MAX = 1.0
BACKLOG_SECONDS = 1.0


class EmbedderHealth(msgspec.Struct, kw_only=True):
    """Words are found without it; vectors wait for it. `filling` is the model whose vectors are
    made beside those in use (the jobs `reembed`: one a project)."""

    loaded: bool
    backlog: int
    model: str
    filling: str | None


class EngineHealth(msgspec.Struct, kw_only=True):
    """As this worker sees it. What is stored and cached is there without it."""

    breaker: State


class Ready(msgspec.Struct, kw_only=True):
    status: Literal["ready", "unavailable"]
    version: str = __version__
    running_responses: int
    engine: EngineHealth
    embedder: EmbedderHealth
    jobs: list[Backlog]
    requests_dropped: int


class BacklogReader:
    """What waits, counted once a second at most, however many ask; None where it cannot be."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counting = asyncio.Lock()
        self._counted: list[Backlog] | None = None
        self._counted_at = -math.inf

    async def read(self) -> list[Backlog] | None:
        async with self._counting:
            if time.monotonic() - self._counted_at >= BACKLOG_SECONDS:
                self._counted = await self._count()
                self._counted_at = time.monotonic()
            return self._counted

    async def _count(self) -> list[Backlog] | None:
        try:
            return await backlog(self._database)
        except Unavailable:
            return None


@get("/health/live", opt=PUBLIC)
async def live() -> dict[str, str]:
    return {"status": "live"}


@get("/health/ready", opt=PUBLIC)
async def ready(
    waiting: NamedDependency[BacklogReader],
    breaker: NamedDependency[Breaker],
    embedder: NamedDependency[Any],
    runs: NamedDependency[Runs],
    request_log: NamedDependency[RequestLog],
) -> Response[Ready]:
    found, embedding = await asyncio.gather(waiting.read(), _embedder_health(embedder))
    body = Ready(
        status="unavailable" if found is None else "ready",
        running_responses=runs.count,
        engine=EngineHealth(breaker=breaker.state),
        embedder=embedding,
        jobs=found or [],
        requests_dropped=request_log.dropped,
    )
    return Response(body, status_code=503 if found is None else 200)


async def _embedder_health(embedder: Models) -> EmbedderHealth:
    model, filling = embedder.model, embedder.filling
    try:
        async with asyncio.timeout(EMBEDDER_SECONDS_MAX):
            status = await embedder.status()
    except (TimeoutError, Unavailable):
        return EmbedderHealth(loaded=False, backlog=0, model=model, filling=filling)
    loaded, backlog = status.loaded, status.backlog
    return EmbedderHealth(loaded=loaded, backlog=backlog, model=model, filling=filling)


ROUTES = [live, ready]
