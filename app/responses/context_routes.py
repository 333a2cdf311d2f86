"""What a context counts, and a smaller one: /v1/responses/input_tokens and …/compact."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency

from app.responses.context_calls import compact_context, count_tokens
from app.responses.context_request import read_compact, read_count
from app.responses.parts import Parts
from app.responses.types import CompactedContext, CompactFields, CountedTokens, CountFields
from app.usage.record import record_of
from app.web.body import takes
from app.web.principal import Access, Scope, guarded

ENGINE = guarded(Access.SESSION, Scope.ENGINE)


@post("/v1/responses/input_tokens", opt=ENGINE, status_code=200, operation_class=takes(CountFields))
async def count_input_tokens(
    request: Request[Any, Any, Any], parts: NamedDependency[Parts]
) -> CountedTokens:
    asked = read_count(await request.body(), parts.config)
    caller = await parts.users.caller_of(request, asked.fields.user)
    await parts.limiter.admit(caller, request.scope)
    return await count_tokens(parts, caller, asked)


@post("/v1/responses/compact", opt=ENGINE, status_code=200, operation_class=takes(CompactFields))
async def compact_response(
    request: Request[Any, Any, Any], parts: NamedDependency[Parts]
) -> CompactedContext:
    asked = read_compact(await request.body(), parts.config)
    caller = await parts.users.caller_of(request, asked.fields.user)
    allowance = await parts.limiter.admit(caller, request.scope)
    record = record_of(request.scope)
    assert record is not None
    return await compact_context(parts, caller, asked, record, allowance)


ROUTES = [count_input_tokens, compact_response]
