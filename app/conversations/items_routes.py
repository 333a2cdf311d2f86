"""/v1/conversations/{id}/items, as OpenAI has them."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.conversations import append, items
from app.conversations.bodies import check_given, claim_of, includes_images
from app.conversations.parts import ConversationParts
from app.conversations.types import CreateItems
from app.errors import InvalidRequest
from app.web.body import decode, takes
from app.web.pages import Page, page_query
from app.web.principal import Access, Scope, guarded

ENGINE = guarded(Access.SESSION, Scope.ENGINE)


@post(
    "/v1/conversations/{conversation_id:str}/items",
    opt=ENGINE,
    status_code=200,
    operation_class=takes(CreateItems),
)
async def create_items(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    conversations: NamedDependency[ConversationParts],
) -> Page:
    """Adds items at the head; the next response sees them."""
    asked = decode(await request.body(), CreateItems)
    if not asked.items:
        raise InvalidRequest("'items' must hold at least one item.", param="items")
    check_given(asked.items)
    images = includes_images(request.query_params)
    caller = await conversations.users.caller_of(request, asked.user)
    claim = await claim_of(request, caller)
    return await append.create_items(
        conversations, caller, conversation_id, asked.items, claim, images=images
    )


@get("/v1/conversations/{conversation_id:str}/items", opt=ENGINE)
async def list_items(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    conversations: NamedDependency[ConversationParts],
) -> Page:
    images = includes_images(request.query_params)
    paging = page_query(request.query_params, conversations.config.list_limit_max)
    caller = await conversations.users.caller_of(request)
    return await items.list_items(conversations, caller, conversation_id, paging, images=images)


@get("/v1/conversations/{conversation_id:str}/items/{item_id:str}", opt=ENGINE)
async def get_item(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    item_id: FromPath[str],
    conversations: NamedDependency[ConversationParts],
) -> Response[bytes]:
    images = includes_images(request.query_params)
    caller = await conversations.users.caller_of(request)
    found = await items.get_item(conversations, caller, conversation_id, item_id, images=images)
    return Response(msgspec.json.encode(found), media_type="application/json")


ROUTES = [create_items, list_items, get_item]
