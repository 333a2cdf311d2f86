"""DELETE of what others derive from."""

from typing import Any

from litestar import Request, delete
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.completions.completion import response_id_text
from app.completions.types import DeletedCompletion
from app.conversations.browse import get_conversation
from app.conversations.parts import ConversationParts
from app.conversations.types import Conversation, DeletedConversation
from app.erasure.forget_conversation import forget_conversation
from app.erasure.forget_item import forget_item
from app.erasure.forget_turn import forget_response
from app.responses.parts import Parts
from app.responses.types import DeletedResponse
from app.web.principal import Access, Scope, guarded


@delete("/v1/responses/{response_id:str}", opt=guarded(Access.KEY, Scope.ENGINE), status_code=200)
async def delete_response(
    request: Request[Any, Any, Any],
    response_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> DeletedResponse:
    caller = await parts.users.caller_of(request)
    await forget_response(parts, caller, response_id)
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
    await forget_response(parts, caller, response_id_text(completion_id))
    return DeletedCompletion(id=completion_id)


@delete(
    "/v1/conversations/{conversation_id:str}",
    opt=guarded(Access.KEY, Scope.ENGINE),
    status_code=200,
)
async def delete_conversation(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> DeletedConversation:
    caller = await parts.users.caller_of(request)
    await forget_conversation(parts, caller, conversation_id)
    return DeletedConversation(id=conversation_id)


@delete(
    "/v1/conversations/{conversation_id:str}/items/{item_id:str}",
    opt=guarded(Access.KEY, Scope.ENGINE),
    status_code=200,
)
async def delete_item(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    item_id: FromPath[str],
    conversations: NamedDependency[ConversationParts],
) -> Conversation:
    caller = await conversations.users.caller_of(request)
    await forget_item(conversations, caller, conversation_id, item_id)
    return await get_conversation(conversations, caller, conversation_id)


ROUTES = [delete_response, delete_completion, delete_conversation, delete_item]
