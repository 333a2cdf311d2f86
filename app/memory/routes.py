"""/v1/memories and /v1/users/{user}/memories."""

from typing import Any, Literal

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.config import Config
from app.db.database import Database
from app.embeddings.types import Embedder
from app.identity.users import Users
from app.jobs.runner import JobRunner
from app.jobs.types import Topic
from app.memory import browse
from app.memory.bodies import RememberBody, bodies_of, placed, time_of
from app.memory.marks import Marks
from app.memory.patch import patch_memory
from app.memory.patches import MemoryPatch
from app.memory.readings import Readings
from app.memory.reinstate import reinstate_memory
from app.memory.stats import Stats, memory_stats
from app.memory.submit import new_memories, submit_once
from app.memory.types import Forgotten, Memory
from app.memory.versions import list_versions
from app.settings.read import SettingsReader
from app.web.body import decode, takes
from app.web.etags import etag
from app.web.idempotency import HEADER, claim_for
from app.web.pages import Page, PageQuery, page, page_query
from app.web.principal import Access, Caller, Scope, guarded

READ = guarded(Access.SESSION, Scope.MEMORY_READ)
WRITE = guarded(Access.SESSION, Scope.MEMORY_WRITE)

DERIVING: tuple[Topic, ...] = ("embed_memories", "extract_facts", "summarize")
"""What may be due once memories have come, changed or gone."""


class DeletedMemory(msgspec.Struct, kw_only=True):
    id: str
    object: Literal["memory.deleted"] = "memory.deleted"
    deleted: bool = True
    forgotten: Forgotten


class DeletedMemories(msgspec.Struct, kw_only=True):
    object: Literal["memories.deleted"] = "memories.deleted"
    user: str
    deleted: bool = True
    count: int
    forgotten: Forgotten


@post("/v1/memories", opt=WRITE, status_code=200, operation_class=takes(RememberBody))
async def remember_memories(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    jobs: NamedDependency[JobRunner],
    config: NamedDependency[Config],
    readings: NamedDependency[Readings],
) -> Memory | Page:
    """Remembers one memory, or many; answers when they are durable and found by words."""
    data = decode(await request.body(), RememberBody)
    user = (await users.caller_of(request, data.user)).external_id
    bodies = placed(bodies_of(data, config), data)
    memories = await new_memories(users, request.auth, bodies, user)
    key = request.headers.get(HEADER)
    claim = claim_for(request.auth, key, await request.body(), user) if key else None
    ttl_seconds = config.idempotency_ttl_seconds
    project = request.auth.project
    kept = await submit_once(database, users, project, readings, claim, memories, ttl_seconds)
    jobs.wake(*DERIVING)
    return kept[0] if data.memories is None else page(kept, _all_of(kept))


@get("/v1/memories", opt=READ)
async def list_memories(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    settings: NamedDependency[SettingsReader],
    config: NamedDependency[Config],
) -> Page:
    """Pages of memories; filtered by `user`, `conversation`, `kind`, `episode`, and by what will
    be dropped before a time (`expiring_before`)."""
    query = request.query_params
    caller = await users.caller_of(request, everyone_allowed=True)
    paging = page_query(query, config.list_limit_max)
    return await browse.list_memories(database, users, settings, caller, query, paging)


@get("/v1/memories/stats", opt=READ)
async def get_memory_stats(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    settings: NamedDependency[SettingsReader],
    embedder: NamedDependency[Embedder],
    config: NamedDependency[Config],
) -> Stats:
    """How much there is of what, how good it is, and what will go; all users by `user=*`."""
    query = request.query_params
    caller = await users.caller_of(request, everyone_allowed=True)
    before = time_of(query.get("expiring_before"), "expiring_before")
    days = (await settings.read(caller.project, caller.user)).memory_retention_days
    return await memory_stats(
        database,
        caller,
        model=embedder.model,
        retention_days=days,
        before=before,
        most=config.stats_memories_max,
    )


@get("/v1/memories/{memory_id:str}", opt=READ)
async def get_memory(
    request: Request[Any, Any, Any],
    memory_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> Response[Memory]:
    caller = await users.caller_of(request)
    return _tagged(await browse.get_memory(database, users, caller, memory_id))


@patch(
    "/v1/memories/{memory_id:str}",
    opt=WRITE,
    status_code=200,
    operation_class=takes(MemoryPatch),
)
async def change_memory(
    request: Request[Any, Any, Any],
    memory_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    jobs: NamedDependency[JobRunner],
    config: NamedDependency[Config],
) -> Response[Memory]:
    """Corrects a memory: what is sent is changed, and the version before is kept."""
    data = decode(await request.body(), MemoryPatch)
    caller = await users.caller_of(request)
    if_match = request.headers.get("if-match")
    changed = await patch_memory(database, users, config, caller, memory_id, data, if_match)
    jobs.wake(*DERIVING)
    return _tagged(changed)


@get("/v1/memories/{memory_id:str}/history", opt=READ)
async def list_memory_versions(
    request: Request[Any, Any, Any],
    memory_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> Page:
    """What a memory is and was, the newest version first, and why each was replaced."""
    paging = page_query(request.query_params, config.list_limit_max)
    caller = await users.caller_of(request)
    return await list_versions(database, caller, memory_id, paging)


@delete("/v1/memories/{memory_id:str}", opt=WRITE, status_code=200)
async def forget_memory(
    request: Request[Any, Any, Any],
    memory_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    marks: NamedDependency[Marks],
    jobs: NamedDependency[JobRunner],
) -> DeletedMemory:
    """Forgets a memory and all that was derived from it."""
    caller = await users.caller_of(request)
    forgotten = await browse.forget_memory(database, marks, caller, memory_id)
    jobs.wake(*DERIVING)
    return DeletedMemory(id=memory_id, forgotten=forgotten)


@post("/v1/memories/{memory_id:str}/restore", opt=WRITE, status_code=200)
async def restore_memory(
    request: Request[Any, Any, Any],
    memory_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    jobs: NamedDependency[JobRunner],
) -> Memory:
    """Undoes that it was superseded; both hold then."""
    caller = await users.caller_of(request)
    restored = await reinstate_memory(database, users, caller, memory_id)
    jobs.wake("embed_memories")
    return restored


@get("/v1/users/{user:str}/memories", opt=READ)
async def list_user_memories(
    request: Request[Any, Any, Any],
    user: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    settings: NamedDependency[SettingsReader],
    config: NamedDependency[Config],
) -> Page:
    query = request.query_params
    paging = page_query(query, config.list_limit_max)
    caller = await _caller_for(request, users, user)
    return await browse.list_memories(database, users, settings, caller, query, paging)


@delete("/v1/users/{user:str}/memories", opt=WRITE, status_code=200)
async def forget_user_memories(
    request: Request[Any, Any, Any],
    user: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    marks: NamedDependency[Marks],
) -> DeletedMemories:
    """Forgets all memories of a user; their conversations stay."""
    caller = await _caller_for(request, users, user)
    forgotten = await browse.forget_all_of(database, marks, caller)
    return DeletedMemories(user=user, count=forgotten.memories, forgotten=forgotten)


async def _caller_for(request: Request[Any, Any, Any], users: Users, user: str) -> Caller:
    return await users.caller_at(request, user)


def _tagged(memory: Memory) -> Response[Memory]:
    """Its version as the ETag, for `If-Match`."""
    return Response(memory, headers={"ETag": etag(memory.version)})


def _all_of(kept: list[Memory]) -> PageQuery:
    return PageQuery(len(kept), "asc", None, None)


ROUTES = [
    remember_memories,
    list_memories,
    get_memory_stats,
    get_memory,
    change_memory,
    list_memory_versions,
    forget_memory,
    restore_memory,
    list_user_memories,
    forget_user_memories,
]
