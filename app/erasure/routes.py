"""DELETE of what others derive from."""

from typing import Any

import msgspec
from litestar import Request, delete
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.completions.completion import response_id_text
from app.conversations.browse import get_conversation
from app.conversations.parts import ConversationParts
from app.erasure.forget_conversation import forget_conversation
from app.erasure.forget_item import forget_item
from app.erasure.forget_turn import forget_response
from app.erasure.forget_user import forget_user
from app.erasure.types import Deleted, ErasedUser, LessenedConversation
from app.identity.users import check_name
from app.responses.parts import Parts
from app.web.address import address_of
from app.web.principal import Access, Scope, guarded, user_named_by


@delete(
    "/v1/responses/{response_id:str}", opt=guarded(Access.SESSION, Scope.ENGINE), status_code=200
)
async def delete_response(
    request: Request[Any, Any, Any],
    response_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> Deleted:
    caller = await parts.users.caller_of(request)
    erased = await forget_response(parts, caller, response_id)
    return Deleted(id=response_id, object="response", forgotten=erased)


@delete(
    "/v1/chat/completions/{completion_id:str}",
    opt=guarded(Access.SESSION, Scope.ENGINE),
    status_code=200,
)
async def delete_completion(
    request: Request[Any, Any, Any],
    completion_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> Deleted:
    caller = await parts.users.caller_of(request)
    erased = await forget_response(parts, caller, response_id_text(completion_id))
    return Deleted(id=completion_id, object="chat.completion.deleted", forgotten=erased)


@delete(
    "/v1/conversations/{conversation_id:str}",
    opt=guarded(Access.SESSION, Scope.ENGINE),
    status_code=200,
)
async def delete_conversation(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> Deleted:
    caller = await parts.users.caller_of(request)
    erased = await forget_conversation(parts, caller, conversation_id)
    return Deleted(id=conversation_id, object="conversation.deleted", forgotten=erased)


@delete(
    "/v1/conversations/{conversation_id:str}/items/{item_id:str}",
    opt=guarded(Access.SESSION, Scope.ENGINE),
    status_code=200,
)
async def delete_item(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    item_id: FromPath[str],
    parts: NamedDependency[Parts],
    conversations: NamedDependency[ConversationParts],
) -> LessenedConversation:
    caller = await parts.users.caller_of(request)
    erased = await forget_item(parts, caller, conversation_id, item_id)
    left = await get_conversation(conversations, caller, conversation_id)
    return LessenedConversation(**msgspec.structs.asdict(left), forgotten=erased)


@delete("/v1/users/{user:str}", opt=guarded(Access.KEY, Scope.USERS), status_code=200)
async def delete_user(
    request: Request[Any, Any, Any], user: FromPath[str], parts: NamedDependency[Parts]
) -> ErasedUser:
    """Erases everything of a user. The request log keeps the numbers, without the user."""
    name = user_named_by(request, user)
    assert name is not None
    check_name(name)
    erased = await forget_user(parts, request.auth, name, address_of(request.scope))
    return ErasedUser(user=name, forgotten=erased)


ROUTES = [delete_response, delete_completion, delete_conversation, delete_item, delete_user]
