"""/v1/recall."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency

from app.config import Config
from app.db.database import Database
from app.embeddings.types import Embedder, Reranker
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, UserId, parse_id
from app.memory.uses import Uses
from app.recall.bodies import RecallBody, asked_of, reach_of
from app.recall.recall import everyone, recall
from app.recall.types import Recollection
from app.web.body import decode, takes
from app.web.principal import Access, Caller, Scope, guarded

READ = guarded(Access.SESSION, Scope.MEMORY_READ)


@post("/v1/recall", opt=READ, status_code=200, operation_class=takes(RecallBody))
async def recall_memories(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    embedder: NamedDependency[Embedder],
    reranker: NamedDependency[Reranker],
    uses: NamedDependency[Uses],
    config: NamedDependency[Config],
) -> Recollection:
    """The memories that fit a query best, and a text of them that is ready for a prompt."""
    data = decode(await request.body(), RecallBody)
    asked = asked_of(data, config)
    caller = await users.caller_of(request, data.user, everyone_allowed=True)
    whose = await everyone(database, caller.project) if caller.everyone else [_owner(caller)]
    found = await recall(
        database,
        embedder,
        users,
        reach_of(data, caller.project, whose),
        asked,
        embed_seconds_max=config.recall_timeout_seconds,
        exact_max=config.recall_exact_max,
        reranker=reranker,
        explain=data.explain,
    )
    ids = [parse_id("mem", entry.memory.id) for entry in found.data]
    uses.note(caller.project, [known for known in ids if known])
    return found


def _owner(caller: Caller) -> UserId:
    return caller.user or PROJECT_ITSELF


ROUTES = [recall_memories]
