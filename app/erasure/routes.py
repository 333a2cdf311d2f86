"""DELETE of what others derive from."""

from typing import Any

from litestar import Request, delete
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.completions.completion import response_id_text
from app.completions.types import DeletedCompletion
from app.erasure.forget_turn import forget_response
from app.responses.cancel import end
from app.responses.parts import Parts
from app.responses.types import DeletedResponse
from app.web.principal import Access, Scope, guarded


@delete("/v1/responses/{response_id:str}", opt=guarded(Access.KEY, Scope.ENGINE), status_code=200)
async def delete_response(
    request: Request[Any, Any, Any],
    response_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> DeletedResponse:
    """One that still runs is ended first."""
    caller = await parts.users.caller_of(request)
    await end(parts, caller, response_id)
    await forget_response(parts.database, caller, response_id)
    return DeletedResponse(id=response_id)


@delete(
    "/v1/chat/completions/{completion_id:str}",
    opt=guarded(Access.KEY, Scope.ENGINE),
    status_code=200,
)
async def delete_completion(
    request: Request[Any, Any, Any],
    completion_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> DeletedCompletion:
    caller = await parts.users.caller_of(request)
    response_id = response_id_text(completion_id)
    await end(parts, caller, response_id)
    await forget_response(parts.database, caller, response_id)
    return DeletedCompletion(id=completion_id)


ROUTES = [delete_response, delete_completion]
