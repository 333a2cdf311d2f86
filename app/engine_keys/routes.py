"""/v1/engine_key: of the project of the key that asks, or of the one that the root's key names."""

from typing import Any

from litestar import Request, delete, get, put
from litestar.di import NamedDependency

from app.db.database import Database
from app.engine_keys.keys import EngineKey, EngineKeys, PutEngineKey
from app.identity.administration import admin_of, administered
from app.web.body import decode, takes
from app.web.principal import Access, Scope, guarded

ADMIN = guarded(Access.ADMIN, Scope.ADMIN)


@get("/v1/engine_key", opt=ADMIN)
async def get_engine_key(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    engine_keys: NamedDependency[EngineKeys],
) -> EngineKey:
    """Whether the project has one."""
    project = await administered(database, request.auth, request.query_params.get("project"))
    return await engine_keys.show(project)


@put("/v1/engine_key", opt=ADMIN, status_code=200, operation_class=takes(PutEngineKey))
async def put_engine_key(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    engine_keys: NamedDependency[EngineKeys],
) -> EngineKey:
    """From now on the project's calls of the engine are made with it."""
    asked = decode(await request.body(), PutEngineKey)
    project = await administered(database, request.auth, request.query_params.get("project"))
    return await engine_keys.put(admin_of(request), project, asked.api_key)


@delete("/v1/engine_key", opt=ADMIN, status_code=200)
async def delete_engine_key(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    engine_keys: NamedDependency[EngineKeys],
) -> EngineKey:
    """The installation's is used again."""
    project = await administered(database, request.auth, request.query_params.get("project"))
    return await engine_keys.remove(admin_of(request), project)


ROUTES = [get_engine_key, put_engine_key, delete_engine_key]
