"""The peers: a bare pass-through to the engine, and constant answers, on the service's server.

Litestar on granian and aiohttp, as the service has them, and nothing else: no key is checked,
nothing is read, completed, logged or stored.
"""

import argparse
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server
from litestar import Litestar, Request, Response, post, put
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream

from app.processes import PARENT_VARIABLE, die_with_parent

ENGINE_URL = "BENCH_ENGINE_URL"
EVENT_STREAM = "text/event-stream"

Call = Request[Any, Any, State]


@post("/v1/responses", status_code=200)
async def pass_through(request: Call) -> Stream:
    body = await request.body()
    return Stream(_piped(request.app.state["http"], body), media_type=EVENT_STREAM)


async def _piped(http: aiohttp.ClientSession, body: bytes) -> AsyncGenerator[bytes]:
    async with http.post(f"{os.environ[ENGINE_URL]}/responses", data=body) as answer:
        async for piece in answer.content.iter_any():
            yield piece


@post("/v1/whole", status_code=200)
async def pass_whole(request: Call) -> Response[bytes]:
    """The same, its answer read to the end first."""
    body = await request.body()
    url = f"{os.environ[ENGINE_URL]}/responses"
    async with request.app.state["http"].post(url, data=body) as answer:
        return Response(await answer.read(), media_type=EVENT_STREAM)


@put("/kept/{name:str}", status_code=200)
async def set_constant(request: Call, name: FromPath[str]) -> dict[str, int]:
    request.app.state[name] = await request.body()
    return {"bytes": len(request.app.state[name])}


@post("/constant/whole", status_code=200)
async def constant(request: Call) -> Response[bytes]:
    await request.body()
    return Response(request.app.state["whole"], media_type="application/json")


@post("/constant/stream", status_code=200)
async def constant_stream(request: Call) -> Stream:
    await request.body()
    return Stream(_once(request.app.state["stream"]), media_type=EVENT_STREAM)


async def _once(body: bytes) -> AsyncGenerator[bytes]:
    yield body


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=1000)
    async with aiohttp.ClientSession(connector=connector) as http:
        app.state.update(http=http)
        yield


def make_app() -> Litestar:
    die_with_parent()
    return Litestar(
        route_handlers=[pass_through, pass_whole, set_constant, constant, constant_stream],
        lifespan=[_lifespan],
        openapi_config=None,
    )


def main() -> None:
    die_with_parent()
    parser = argparse.ArgumentParser(description="Run the peers of the benches.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine-url", required=True)
    options = parser.parse_args()
    os.environ.update({ENGINE_URL: options.engine_url, PARENT_VARIABLE: str(os.getpid())})
    Server(
        "tests.bench.peer:make_app",
        address="127.0.0.1",
        port=options.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=1,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        log_level=LogLevels.warning,
    ).serve()


if __name__ == "__main__":
    main()
