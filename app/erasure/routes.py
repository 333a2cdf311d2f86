"""DELETE of what others derive from."""

from typing import Any

from litestar import Request, delete
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.completions.completion import response_id_text
from app.completions.types import DeletedCompletion
from app.db.database import Database
from app.erasure.forget_turn import forget_response
from app.identity.users import Users
from app.responses.types import DeletedResponse
from app.web.principal import Access, Scope, guarded


@delete("/v1/responses/{response_id:str}", opt=guarded(Access.KEY, Scope.ENGINE), status_code=200)
async def delete_response(
    request: Request[Any, Any, Any],
    response_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> DeletedResponse:
    caller = await users.caller_of(request)
    await forget_response(database, caller, response_id)
    return DeletedResponse(id=response_id)


@delete(
    "/v1/chat/completions/{completion_id:str}",
    opt=guarded(Access.KEY, Scope.ENGINE),
    status_code=200,
)
async def delete_completion(
    request: Request[Any, Any, Any],
    completion_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> DeletedCompletion:
    caller = await users.caller_of(request)
    await forget_response(database, caller, response_id_text(completion_id))
    return DeletedCompletion(id=completion_id)


ROUTES = [delete_response, delete_completion]
