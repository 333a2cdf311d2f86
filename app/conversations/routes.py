"""/v1/conversations, as OpenAI has them, with forks, titles and exports."""

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from app.conversations import browse, edit
from app.conversations.bodies import check_given, claim_of
from app.conversations.export import export_conversation as export
from app.conversations.export import format_of
from app.conversations.fork import fork_conversation as fork
from app.conversations.parts import ConversationParts
from app.conversations.types import (
    Conversation,
    CreateConversation,
    ForkConversation,
    UpdateConversation,
)
from app.web.body import decode, takes
from app.web.principal import Access, Scope, guarded

ENGINE = guarded(Access.SESSION, Scope.ENGINE)


@post("/v1/conversations", opt=ENGINE, status_code=200, operation_class=takes(CreateConversation))
async def create_conversation(
    request: Request[Any, Any, Any], conversations: NamedDependency[ConversationParts]
) -> Conversation:
    asked = decode(await request.body(), CreateConversation)
    check_given(asked.items or [])
    caller = await conversations.users.caller_of(request, asked.user)
    claim = await claim_of(request, caller)
    return await edit.create_conversation(conversations, caller, asked, claim)


@get("/v1/conversations/{conversation_id:str}", opt=ENGINE)
async def get_conversation(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    conversations: NamedDependency[ConversationParts],
) -> Conversation:
    caller = await conversations.users.caller_of(request)
    return await browse.get_conversation(conversations, caller, conversation_id)


@post(
    "/v1/conversations/{conversation_id:str}",
    opt=ENGINE,
    status_code=200,
    operation_class=takes(UpdateConversation),
)
async def update_conversation(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    conversations: NamedDependency[ConversationParts],
) -> Conversation:
    """Other metadata, another title."""
    asked = decode(await request.body(), UpdateConversation)
    caller = await conversations.users.caller_of(request, asked.user)
    claim = await claim_of(request, caller)
    return await edit.update_conversation(conversations, caller, conversation_id, asked, claim)


@post(
    "/v1/conversations/{conversation_id:str}/fork",
    opt=ENGINE,
    status_code=200,
    operation_class=takes(ForkConversation),
)
async def fork_conversation(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    conversations: NamedDependency[ConversationParts],
) -> Conversation:
    """A new conversation that goes on after an item, or at the head."""
    body = await request.body()
    asked = decode(body, ForkConversation) if body else ForkConversation()
    caller = await conversations.users.caller_of(request, asked.user)
    claim = await claim_of(request, caller)
    return await fork(conversations, caller, conversation_id, asked, claim)


@get("/v1/conversations/{conversation_id:str}/export", opt=ENGINE)
async def export_conversation(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    conversations: NamedDependency[ConversationParts],
) -> Stream:
    """The whole history, as `json` or `markdown`."""
    format_ = format_of(request.query_params.get("format"))
    caller = await conversations.users.caller_of(request)
    found = await export(conversations, caller, conversation_id, format_)
    return Stream(found.chunks, headers=found.headers)


ROUTES = [
    create_conversation,
    get_conversation,
    update_conversation,
    fork_conversation,
    export_conversation,
]
