"""/v1/memories/export and /v1/memories/import."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.response import Stream

from app.config import Config
from app.db.database import Database
from app.errors import InvalidRequest
from app.identity.users import Users
from app.jobs.runner import JobRunner
from app.transfer.export import export_memories as export
from app.transfer.formats import format_of
from app.transfer.importing import Services, Wishes
from app.transfer.importing import import_memories as take_in
from app.transfer.lines import Defaults
from app.transfer.types import ImportReport, MemoryLine
from app.web.body import convert, takes
from app.web.principal import Access, Scope, guarded

READ = guarded(Access.SESSION, Scope.MEMORY_READ)
WRITE = guarded(Access.SESSION, Scope.MEMORY_WRITE)
NDJSON = "application/x-ndjson"
HEADERS = {
    "content-type": NDJSON,
    "content-disposition": 'attachment; filename="memories.ndjson"',
}


@get("/v1/memories/export", opt=READ)
async def export_memories(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    embedder: NamedDependency[Any],
) -> Stream:
    """All memories of a user, or with `user=*` of everyone, a line each."""
    query = request.query_params
    vectors = _flag(query, "vectors", default=True)
    caller = await users.caller_of(request, everyone_allowed=True)
    lines = export(database, users, caller, embedder.model, vectors=vectors)
    return Stream(lines, headers=HEADERS)


@post(
    "/v1/memories/import",
    opt=WRITE,
    status_code=200,
    operation_class=takes(MemoryLine, NDJSON),
    request_max_body_size=None,  # counted against a limit of its own while it arrives
)
async def import_memories(
    request: Request[Any, Any, Any],
    config: NamedDependency[Config],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    embedder: NamedDependency[Any],
    jobs: NamedDependency[JobRunner],
) -> ImportReport:
    """Remembers what a file tells, each memory once, however often it is sent."""
    query = request.query_params
    wishes = Wishes(
        format=format_of(query.get("format")),
        reassign=_flag(query, "reassign", default=False),
        defaults=convert(
            {name: query[name] for name in ("conversation", "episode") if name in query}, Defaults
        ),
    )
    caller = await users.caller_of(request, everyone_allowed=True)
    services = Services(config, database, users, embedder, jobs)
    return await take_in(services, caller, wishes, request.stream())


def _flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Raises InvalidRequest."""
    text = query.get(name, "true" if default else "false")
    if text not in ("true", "false"):
        raise InvalidRequest(f"'{name}' must be true or false.", param=name)
    return text == "true"


ROUTES = [export_memories, import_memories]
