"""GET /v1/conversations: all of them, or those in which something was said."""

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency

from app.conversations import browse
from app.conversations.parts import ConversationParts
from app.embeddings.types import Embedder
from app.errors import InvalidRequest
from app.search.find import find_conversations
from app.web.pages import Page, page_query
from app.web.principal import Access, Scope, guarded


@get("/v1/conversations", opt=guarded(Access.SESSION, Scope.ENGINE))
async def list_conversations(
    request: Request[Any, Any, Any],
    conversations: NamedDependency[ConversationParts],
    embedder: NamedDependency[Embedder],
) -> Page:
    """The newest first, of a `user`; with `query` the best first."""
    query = request.query_params
    caller = await conversations.users.caller_of(request, everyone_allowed=True)
    paging = page_query(query, conversations.config.list_limit_max)
    if "query" not in query:
        return await browse.list_conversations(conversations, caller, paging)
    for name in ("after", "before", "order"):
        if name in query:
            raise InvalidRequest(f"'{name}' cannot stand beside 'query'.", param=name)
    return await find_conversations(conversations, embedder, caller, query["query"], paging.limit)


ROUTES = [list_conversations]
