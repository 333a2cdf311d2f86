"""`backstory serve` as users run it, in a process of its own, and spoken to when it embeds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.memories import recall
from tests.support.serving import Serving, end

ENGINE = {
    "BACKSTORY_ENGINE_URL": "http://127.0.0.1:9/v1",  # nothing is asked of it
    "BACKSTORY_ENGINE_API_KEY": "none",
}


@asynccontextmanager
async def started(folder: Path, **environ: str) -> AsyncIterator[tuple[Serving, Api]]:
    service = Serving(folder, environ=ENGINE | environ)
    try:
        await asyncio.to_thread(service.wait_ready)
        async with aiohttp.ClientSession() as http:
            api = Api(http, service.root_url, service.credentials.api_key)
            await eventually(lambda: asks_vectors(api), seconds=60)
            yield service, api
    finally:
        await asyncio.to_thread(end, service)


async def asks_vectors(api: Api) -> bool:
    usage: Json = (await recall(api, "herons"))["usage"]
    return bool(usage["vectors"] == "used")
