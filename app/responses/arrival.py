"""An HTTP request becomes a call, whatever API it came by."""

from functools import partial
from typing import Any

from litestar import Request

from app.responses.parts import Parts
from app.responses.types import Call, CreateRequest
from app.usage.record import disown, record_of
from app.web.front import visit
from app.web.idempotency import HEADER, claim_for


async def call_of(
    request: Request[Any, Any, Any], parts: Parts, asked: CreateRequest, body: bytes
) -> Call:
    caller = await parts.users.caller_of(request, asked.fields.user)
    allowance = await parts.limiter.admit(caller, request.scope)
    key = request.headers.get(HEADER) if asked.store else None
    record = record_of(request.scope)
    assert record is not None
    return Call(
        caller=caller,
        request=asked,
        record=record,
        take_record=partial(disown, request.scope),
        client_left=partial(_client_left, request),
        started=visit(request.scope)[1],
        claim=claim_for(request.auth, key, body, caller.external_id) if key else None,
        allowance=allowance,
    )


async def _client_left(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
