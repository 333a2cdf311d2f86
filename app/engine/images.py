"""Putting its images into a request, when it is sent and no earlier."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from app.engine.types import EngineRequest


@asynccontextmanager
async def seeing(request: EngineRequest) -> AsyncIterator[EngineRequest]:
    """The request with its images in it. They are many bytes: let go of it soon."""
    if request.images is None:
        yield request
        return
    async with request.images.inlined(request.input) as items:
        yield msgspec.structs.replace(request, input=items, images=None)
