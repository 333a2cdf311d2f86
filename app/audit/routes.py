"""/v1/audit."""

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency

from app.audit.browse import list_events
from app.config import Config
from app.db.database import Database
from app.identity.administration import administered
from app.identity.users import Users
from app.web.pages import Page, page_query
from app.web.principal import Access, Scope, guarded


@get("/v1/audit", opt=guarded(Access.ADMIN, Scope.ADMIN))
async def list_audit_events(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> Page:
    query = request.query_params
    project = await administered(database, request.auth, query.get("project"))
    return await list_events(
        database, users, project, query, page_query(query, config.list_limit_max)
    )


ROUTES = [list_audit_events]
