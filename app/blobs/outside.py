"""Images that stand elsewhere, named by a URL."""

import asyncio
from collections.abc import Mapping
from typing import Literal

from app.blobs.inspect import inspect
from app.blobs.types import Blob
from app.config import Config
from app.errors import InvalidRequest
from app.outside.fetch import Fetcher, Refused

Urls = Mapping[str, str]
"""By where they stand in the request."""


async def fetched(
    fetcher: Fetcher, config: Config, way: Literal["pass", "fetch", "refuse"], urls: Urls
) -> dict[str, Blob]:
    """Nothing where the engine is to get the URLs themselves. Raises InvalidRequest."""
    if way == "pass":
        return {}
    if way == "refuse":
        raise _wrong(min(urls), "This project takes no images by URL: send a data URL or a file.")
    found: dict[str, Blob] = {}

    async def fetch(at: str, url: str) -> None:
        try:
            answer = await fetcher.fetch(url, media_type="image/", bytes_max=config.image_bytes_max)
        except Refused as error:
            raise _wrong(at, str(error)) from None
        found[at] = await asyncio.to_thread(inspect, answer.data, config, f"{at}.image_url")
        if sum(len(blob.data) for blob in found.values()) > config.body_bytes_max:
            raise _wrong(at, f"The images are larger than {config.body_bytes_max} bytes together.")

    try:
        async with asyncio.TaskGroup() as tasks:
            for at, url in urls.items():
                tasks.create_task(fetch(at, url))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return found


def _wrong(at: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=f"{at}.image_url", code="invalid_image_url")
