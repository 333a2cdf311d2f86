"""/v1/conversations, as OpenAI has them."""

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.conversations import edit
from app.conversations.types import Conversation, CreateConversation
from app.db.database import Database
from app.identity.users import Users
from app.web.principal import Access, Scope, guarded

ENGINE = guarded(Access.KEY, Scope.ENGINE)


@post("/v1/conversations", opt=ENGINE, status_code=200)
async def create_conversation(
    request: Request[Any, Any, Any],
    data: JSONBody[CreateConversation],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> Conversation:
    caller = await users.caller_of(request)
    return await edit.create_conversation(database, caller, data)


@get("/v1/conversations/{conversation_id:str}", opt=ENGINE)
async def get_conversation(
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> Conversation:
    caller = await users.caller_of(request)
    return await edit.get_conversation(database, caller, conversation_id)


ROUTES = [create_conversation, get_conversation]
