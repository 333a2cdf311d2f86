"""Loading a model in the background, again and again until it is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog

LOAD_RETRY_SECONDS = 60.0
"""A hub may be reachable later; a folder may have been put in its place."""

log = structlog.get_logger()


class NotLoaded(Exception):
    """The model is still being loaded, or cannot be."""


class Running(Protocol):
    @property
    def runtime(self) -> str: ...


M = TypeVar("M", bound=Running)


async def until_loaded(
    name: str, load: Callable[[], Awaitable[M]], failed: Callable[[str], None]
) -> M:
    """`failed` is told why, each time."""
    while True:
        started = time.monotonic()
        try:
            model = await load()
        except Exception as error:
            failed(f"The embedder cannot load {name}: {error}")
            log.exception("the model cannot be loaded", model=name)
            await asyncio.sleep(LOAD_RETRY_SECONDS)
        else:
            seconds = round(time.monotonic() - started, 2)
            log.info("loaded", model=name, runtime=model.runtime, seconds=seconds)
            return model
