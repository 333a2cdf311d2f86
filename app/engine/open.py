"""The engine that the configuration names."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.config import Config
from app.engine.chat_engine import ChatEngine
from app.engine.http import EngineHttp, open_http
from app.engine.local_engine import LocalEngine
from app.engine.responses_engine import ResponsesEngine
from app.engine.types import Engine
from app.errors import StartError

LIVES: dict[str, Callable[[EngineHttp], Engine]] = {
    "responses": ResponsesEngine,
    "chat": ChatEngine,
    "local": LocalEngine,
}


@asynccontextmanager
async def open_engine(config: Config) -> AsyncIterator[Engine]:
    """Where none was configured, `serve` has set the URL to that of the local one it started."""
    if config.engine_url is None:
        raise StartError("No engine is configured, and the local engine was not started.")
    async with open_http(config, config.engine_url, config.engine_api_key) as http:
        yield LIVES[config.engine_kind](http)
