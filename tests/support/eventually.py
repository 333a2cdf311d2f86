"""Waiting for what comes about by itself: asked again until a deadline, never slept for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02
SECONDS_MAX = 60.0


async def eventually(ask: Callable[[], Awaitable[T]], *, seconds: float = SECONDS_MAX) -> T:
    """The first true answer. Fails when none has come in time."""
    deadline = time.monotonic() + seconds
    while not (found := await ask()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds:g} s"
        await asyncio.sleep(POLL_SECONDS)
    return found
