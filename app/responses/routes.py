"""/v1/responses and /v1/models: OpenAI's own surface."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from app.engine.types import EngineModel
from app.responses import retrieve
from app.responses.arrival import call_of
from app.responses.cancel import cancel
from app.responses.follow import follow, get_any
from app.responses.idempotent import create_once
from app.responses.parts import Parts
from app.responses.request import read_request, starting_after
from app.responses.running import Answer
from app.responses.types import Call, ResponseFields
from app.settings.models import check_model, may_ask, no_such_model
from app.web.body import takes
from app.web.frames import DONE, HEADERS
from app.web.pages import Page, page_query
from app.web.paths import with_slashes
from app.web.principal import Access, Caller, Scope, guarded

ENGINE = guarded(Access.SESSION, Scope.ENGINE)
JSON = "application/json"


@post("/v1/responses", opt=ENGINE, status_code=200, operation_class=takes(ResponseFields))
async def create_response(
    request: Request[Any, Any, Any], parts: NamedDependency[Parts]
) -> Response[Any]:
    body = await request.body()
    asked = read_request(body, request.headers, parts.config)
    call = await call_of(request, parts, asked, body)
    answer = await create_once(parts, call)
    if isinstance(answer, str):
        return await _stored_answer(parts, call, answer)
    if asked.stream:
        return Stream(_frames(answer), headers={**HEADERS, **answer.headers})
    if asked.background:
        return _json({**answer.run.as_begun, "status": "queued"}, answer.headers)
    return await _whole(answer, call)


async def _whole(answer: Answer, call: Call) -> Response[bytes]:
    """Raises the error that a response ended with: half an answer is not one."""
    await answer.while_client_waits(answer.run.log.ended(), call.client_left)
    if answer.run.error:
        raise answer.run.error
    return _json(answer.run.resource, answer.headers)


async def _frames(answer: Answer) -> AsyncGenerator[bytes]:
    """Frames that are there together leave together. The run goes on when the client leaves,
    unless nothing is stored of it, or a setting says otherwise."""
    run = answer.run
    try:
        async with aclosing(run.log.follow()) as batches:
            async for batch in batches:
                yield b"".join(batch)
        yield DONE
    finally:
        answer.abandon()


async def _stored_answer(parts: Parts, call: Call, response_id: str) -> Response[Any]:
    if call.request.stream:
        return await _followed(parts, call.caller, response_id, -1)
    return _json(await get_any(parts, call.caller, response_id), {})


async def _followed(parts: Parts, caller: Caller, response_id: str, after: int) -> Stream:
    return Stream(_to_the_end(await follow(parts, caller, response_id, after)), headers=HEADERS)


async def _to_the_end(frames: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(frames):
        async for piece in frames:
            yield piece
    yield DONE


def _json(value: Any, headers: dict[str, str]) -> Response[bytes]:
    return Response(msgspec.json.encode(value), headers=headers, media_type=JSON)


@get("/v1/responses/{response_id:str}", opt=ENGINE)
async def get_response(
    request: Request[Any, Any, Any],
    response_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> Response[Any]:
    """With `stream=true` its events, as they are or were sent, after `starting_after`."""
    caller = await parts.users.caller_of(request)
    query = request.query_params
    if query.get("stream") != "true":
        return _json(await get_any(parts, caller, response_id), {})
    after = starting_after(query.get("starting_after"))
    return await _followed(parts, caller, response_id, after)


@post("/v1/responses/{response_id:str}/cancel", opt=ENGINE, status_code=200)
async def cancel_response(
    request: Request[Any, Any, Any],
    response_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> Response[Any]:
    caller = await parts.users.caller_of(request)
    return _json(await cancel(parts, caller, response_id), {})


@get("/v1/responses/{response_id:str}/input_items", opt=ENGINE)
async def list_input_items(
    request: Request[Any, Any, Any],
    response_id: FromPath[str],
    parts: NamedDependency[Parts],
) -> Page:
    caller = await parts.users.caller_of(request)
    paging = page_query(request.query_params, parts.config.list_limit_max)
    return await retrieve.list_input_items(parts.images, caller, response_id, paging)


@get("/v1/models", opt=ENGINE)
async def list_models(
    request: Request[Any, Any, Any], parts: NamedDependency[Parts]
) -> dict[str, Any]:
    """A session sees those that it may ask for."""
    models = [
        _model(model)
        for model in await _models(parts, request)
        if await may_ask(parts.settings, request.auth, model.id)
    ]
    return {"object": "list", "data": models}


@get("/v1/models/{model:path}", opt=ENGINE)
async def get_model(
    request: Request[Any, Any, Any], model: FromPath[str], parts: NamedDependency[Parts]
) -> dict[str, Any]:
    """A model's name may have slashes."""
    name = with_slashes(model.removeprefix("/"))
    await check_model(parts.settings, request.auth, name)
    for found in await _models(parts, request):
        if found.id == name:
            return _model(found)
    raise no_such_model(name)


async def _models(parts: Parts, request: Request[Any, Any, Any]) -> list[EngineModel]:
    return await parts.engine.models(await parts.engine_keys.read(request.auth.project))


def _model(model: EngineModel) -> dict[str, Any]:
    return {"object": "model", **msgspec.structs.asdict(model)}


ROUTES = [create_response, get_response, cancel_response, list_input_items, list_models, get_model]
