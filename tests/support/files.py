"""Uploading files on the wire."""

from io import BytesIO
from typing import Any

import aiohttp

from tests.support.api import Api, Reply


async def upload(api: Api, data: bytes, name: str = "a.png", **fields: str) -> Reply:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", BytesIO(data), filename=name, content_type="application/octet-stream")
    for field, value in ({"purpose": "vision"} | fields).items():
        form.add_field(field, value)
    return await api.post_form("/v1/files", form)


async def uploaded(api: Api, data: bytes, **fields: str) -> dict[str, Any]:
    reply = await upload(api, data, **fields)
    assert reply.status == 200, reply.raw
    body: dict[str, Any] = reply.body
    return body
