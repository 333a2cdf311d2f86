"""The engine that the configuration names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.config import Config
from app.engine.chat_engine import ChatEngine
from app.engine.http import open_http
from app.engine.local_engine import LocalEngine
from app.engine.responses_engine import ResponsesEngine
from app.engine.types import Engine
from app.errors import StartError


@asynccontextmanager
async def open_engine(config: Config) -> AsyncIterator[Engine]:
    """Where none is configured, `serve` has set the URL of the local one that it started."""
    url = config.engine_url or config.local_engine_url
    if url is None:
        raise StartError("No engine is configured, and the local engine was not started.")
    if config.engine_url is None or config.engine_kind == "local":
        # llama.cpp says that it keeps a connection, and closes it after every stream.
        async with open_http(config, url, None, reuse_connections=False) as http:
            yield LocalEngine(http)
        return
    async with open_http(config, url, config.engine_api_key) as http:
        if config.engine_kind == "chat":
            yield ChatEngine(http)
        else:
            yield ResponsesEngine(http, native=config.engine_continuation == "native")
