"""/v1/chat/completions: OpenAI's older surface, over responses."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from app.completions.chunks import Chunks
from app.completions.completion import completion, response_id_text
from app.completions.request import read_completion
from app.completions.retrieve import list_messages
from app.completions.types import CompletionFields
from app.db.database import Database
from app.identity.users import Users
from app.responses import retrieve
from app.responses.arrival import call_of
from app.responses.idempotent import create_once
from app.responses.parts import Parts
from app.responses.running import Answer
from app.responses.types import Call
from app.web.body import takes
from app.web.frames import HEADERS
from app.web.pages import Page, page_query
from app.web.principal import Access, Scope, guarded

ENGINE = guarded(Access.SESSION, Scope.ENGINE)
JSON = "application/json"


@post("/v1/chat/completions", opt=ENGINE, status_code=200, operation_class=takes(CompletionFields))
async def create_completion(
    request: Request[Any, Any, Any], parts: NamedDependency[Parts]
) -> Response[Any]:
    body = await request.body()
    asked, fields = read_completion(body, request.headers, parts.config)
    call = await call_of(request, parts, asked, body)
    answer = await create_once(parts, call)
    chunks = Chunks(include_usage=fields.include_usage)
    if isinstance(answer, str):
        return await _stored_answer(parts, call, answer, chunks)
    if asked.stream:
        return Stream(_stream(answer, chunks), headers={**HEADERS, **answer.headers})
    return await _whole(answer, call)


async def _whole(answer: Answer, call: Call) -> Response[bytes]:
    """Raises the error that it ended with: half an answer is not one."""
    await answer.while_client_waits(answer.run.log.ended(), call.client_left)
    if answer.run.error:
        raise answer.run.error
    return _json(completion(answer.run.resource), answer.headers)


async def _stream(answer: Answer, chunks: Chunks) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(answer.run.log.follow()) as batches:
            async for batch in batches:
                if fed := chunks.feed(batch):
                    yield fed
    finally:
        answer.abandon()


async def _stored_answer(
    parts: Parts, call: Call, response_id: str, chunks: Chunks
) -> Response[Any]:
    if call.request.stream:
        frames = await retrieve.replay(parts.database, call.caller, response_id)
        return Stream(_replayed(frames, chunks), headers=HEADERS)
    found = await retrieve.get_response(parts.database, call.caller, response_id)
    return _json(completion(found), {})


def _replayed(frames: Iterator[bytes], chunks: Chunks) -> Iterator[bytes]:
    for frame in frames:
        if fed := chunks.feed([frame]):
            yield fed


@get("/v1/chat/completions/{completion_id:str}", opt=ENGINE)
async def get_completion(
    request: Request[Any, Any, Any],
    completion_id: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> Response[bytes]:
    caller = await users.caller_of(request)
    found = await retrieve.get_response(database, caller, response_id_text(completion_id))
    return _json(completion(found), {})


@get("/v1/chat/completions/{completion_id:str}/messages", opt=ENGINE)
async def get_messages(
    request: Request[Any, Any, Any],
    completion_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> Page:
    caller = await parts.users.caller_of(request)
    paging = page_query(request.query_params, parts.config.list_limit_max, "asc")
    return await list_messages(parts.images, caller, completion_id, paging)


def _json(value: Any, headers: dict[str, str]) -> Response[bytes]:
    return Response(msgspec.json.encode(value), headers=headers, media_type=JSON)


ROUTES = [create_completion, get_completion, get_messages]
