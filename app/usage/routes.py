"""/v1/requests and /v1/analytics."""

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.config import Config
from app.db.database import Database
from app.identity.users import Users
from app.usage import report
from app.usage.types import LoggedRequest, SummaryAnswer
from app.web.pages import Page, page_query
from app.web.principal import Access, Caller, Scope, guarded

USAGE = guarded(Access.SESSION, Scope.USAGE_READ)


@get("/v1/requests", opt=USAGE)
async def list_requests(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> Page:
    query = request.query_params
    caller = await _caller(request, users)
    return await report.list_requests(
        database, users, caller, query, page_query(query, config.list_limit_max)
    )


@get("/v1/requests/{request_id:str}", opt=USAGE)
async def get_request(
    request: Request[Any, Any, Any],
    request_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> LoggedRequest:
    caller = await users.caller_of(request)
    return await report.get_request(database, users, caller, request_id)


@get("/v1/analytics/summary", opt=USAGE)
async def get_summary(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> SummaryAnswer:
    return await report.summarize(database, await _caller(request, users), request.query_params)


async def _caller(request: Request[Any, Any, Any], users: Users) -> Caller:
    return await users.caller_of(request, everyone_allowed=True)


ROUTES = [list_requests, get_request, get_summary]
