"""A run without a database: the engine's batches in, a log of frames out."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from app.engine.types import Batch
from app.ids import KeyId, ProjectId, RequestId, ResponseId, UserId, new_id
from app.responses.complete import Completer
from app.responses.resource import new_resource
from app.responses.run import Run
from app.responses.types import Call, CreateRequest, ResponseFields
from app.usage.types import RequestRecord
from app.web.principal import Caller, Principal


def run_of(batches: AsyncGenerator[Batch], bytes_max: int = 10_000_000) -> Run:
    principal = Principal(ProjectId(new_id()), KeyId(new_id()), frozenset())
    request = CreateRequest(
        fields=ResponseFields(model="m"), items=[], parameters={}, conversation=None
    )
    record = RequestRecord(
        principal.project,
        datetime.now(UTC),
        RequestId(new_id()),
        UserId(new_id()),
        principal.key,
        "POST /v1/responses",
    )
    call = Call(
        caller=Caller(principal),
        request=request,
        record=record,
        take_record=lambda: None,
        client_left=_stays,
        started=0.0,
    )
    resource = new_resource(
        request, ResponseId(new_id()), 0, previous_response=None, conversation=None
    )
    return Run(call, Completer(resource, {}), batches, bytes_max=bytes_max)


async def _stays() -> None:
    await asyncio.Event().wait()


async def keep_nothing() -> None:
    """Stands for a commit that succeeds."""
