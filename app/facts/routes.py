"""/v1/memories/extract and /v1/memories/quality."""

from typing import Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency

from app.config import Config
from app.db.database import Database
from app.errors import Conflict
from app.facts.quality import Quality, read_quality
from app.identity.users import Users
from app.jobs.runner import JobRunner
from app.memory.bodies import conversation_id
from app.memory.readings import Readings, give_out_unread
from app.web.body import decode, takes
from app.web.principal import Access, Scope, guarded

READ = guarded(Access.SESSION, Scope.MEMORY_READ)
WRITE = guarded(Access.SESSION, Scope.MEMORY_WRITE)


class ExtractBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    user: str | None = None
    conversation: str | None = None


class Extraction(msgspec.Struct, kw_only=True):
    """How many messages wait to be read; with `more` there are others beyond the limit."""

    object: Literal["memory.extraction"] = "memory.extraction"
    messages: int
    more: bool


@post("/v1/memories/extract", opt=WRITE, status_code=202, operation_class=takes(ExtractBody))
async def extract_facts(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    readings: NamedDependency[Readings],
    jobs: NamedDependency[JobRunner],
    config: NamedDependency[Config],
) -> Extraction:
    """Gives out a user's messages that were not read for facts yet, or those of a conversation."""
    data = decode(await request.body() or b"{}", ExtractBody)
    caller = await users.caller_of(request, data.user)
    if not await readings.wanted_for(caller.project, caller.owner):
        raise Conflict("Facts are off: set the setting 'facts' to 'engine'.", code="facts_off")
    talk = conversation_id(data.conversation)
    most = config.facts_request_messages_max
    given = await give_out_unread(database, readings, caller.project, caller.owner, talk, most)
    jobs.wake("extract_facts")
    return Extraction(messages=given.messages, more=given.more)


@get("/v1/memories/quality", opt=READ)
async def get_quality(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> Quality:
    """What engines proposed as facts, what became of it, and why the rest was refused."""
    query = request.query_params
    caller = await users.caller_of(request, everyone_allowed=True)
    return await read_quality(database, caller, query)


ROUTES = [extract_facts, get_quality]
