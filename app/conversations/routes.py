"""/v1/conversations, as OpenAI has them."""

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.config import Config
from app.conversations import edit
from app.conversations.types import Conversation, CreateConversation
from app.db.database import Database
from app.identity.users import Users
from app.web.body import decode, takes
from app.web.idempotency import HEADER, claim_for
from app.web.principal import Access, Scope, guarded

ENGINE = guarded(Access.KEY, Scope.ENGINE)


@post("/v1/conversations", opt=ENGINE, status_code=200, operation_class=takes(CreateConversation))
async def create_conversation(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> Conversation:
    body = await request.body()
    asked = decode(body, CreateConversation)
    caller = await users.caller_of(request)
    key = request.headers.get(HEADER)
    claim = claim_for(request.auth, key, body, caller.external_id) if key else None
    return await edit.create_conversation(
        database, caller, asked, claim, config.idempotency_ttl_seconds
    )


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
