"""/v1/embeddings, as OpenAI has them."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency

from app.config import Config
from app.embeddings.types import Embedder
from app.identity.users import Users
from app.limits.limiter import Limiter
from app.limits.meter import BYTES_A_TOKEN
from app.limits.spending import billed
from app.limits.usage import Usage
from app.settings.models import check_model
from app.settings.read import SettingsReader
from app.usage.record import record_of
from app.vectors.embed_texts import embed_texts
from app.vectors.types import EmbeddingFields
from app.web.body import decode, takes
from app.web.principal import Access, Scope, guarded


@post(
    "/v1/embeddings",
    opt=guarded(Access.SESSION, Scope.ENGINE),
    status_code=200,
    operation_class=takes(EmbeddingFields),
)
async def create_embeddings(
    request: Request[Any, Any, Any],
    config: NamedDependency[Config],
    embedder: NamedDependency[Embedder],
    users: NamedDependency[Users],
    settings: NamedDependency[SettingsReader],
    limiter: NamedDependency[Limiter],
) -> dict[str, Any]:
    given = await request.body()
    asked = decode(given, EmbeddingFields)
    caller = await users.caller_of(request, asked.user)
    await check_model(settings, request.auth, asked.model)
    allowance = await limiter.admit(caller, request.scope)
    record = record_of(request.scope)
    assert record is not None
    record.model, record.engine = embedder.model, "embedder"
    async with billed(allowance, embedder.model, Usage(len(given) // BYTES_A_TOKEN, 0)) as bill:
        body, record.input_tokens = await embed_texts(embedder, config, asked)
        bill.used = Usage(record.input_tokens, 0)
    return body


ROUTES = [create_embeddings]
