"""/health: whether the service lives, and whether it can do its work."""

from typing import Any, Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from app import __version__
from app.db.database import Database
from app.embeddings.process_embedder import ProcessEmbedder
from app.errors import Unavailable
from app.jobs.outbox import backlog
from app.jobs.types import Backlog
from app.responses.run import Runs
from app.usage.record import RequestLog
from app.web.principal import Access, guarded

PUBLIC = guarded(Access.PUBLIC)


class EmbedderHealth(msgspec.Struct, kw_only=True):
    """Words are found without it; vectors wait for it."""

    loaded: bool
    backlog: int


class Ready(msgspec.Struct, kw_only=True):
    status: Literal["ready", "unavailable"]
    version: str = __version__
    running_responses: int
    embedder: EmbedderHealth
    jobs: list[Backlog]
    requests_dropped: int


@get("/health/live", opt=PUBLIC)
async def live() -> dict[str, str]:
    return {"status": "live"}


@get("/health/ready", opt=PUBLIC)
async def ready(
    database: NamedDependency[Database],
    embedder: NamedDependency[Any],
    runs: NamedDependency[Runs],
    request_log: NamedDependency[RequestLog],
) -> Response[Ready]:
    try:
        waiting, reachable = await backlog(database), True
    except Unavailable:
        waiting, reachable = [], False
    body = Ready(
        status="ready" if reachable else "unavailable",
        running_responses=runs.count,
        embedder=await _embedder_health(embedder),
        jobs=waiting,
        requests_dropped=request_log.dropped,
    )
    return Response(body, status_code=200 if reachable else 503)


async def _embedder_health(embedder: ProcessEmbedder) -> EmbedderHealth:
    try:
        status = await embedder.status()
    except Unavailable:
        return EmbedderHealth(loaded=False, backlog=0)
    return EmbedderHealth(loaded=status.loaded, backlog=status.backlog)


ROUTES = [live, ready]
