"""Images in conversations: given as items, listed, exported, continued and forgotten."""

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.conversations import add, items_of, new_conversation
from tests.support.engine import FakeEngine
from tests.support.files import uploaded
from tests.support.heard import heard_once, something
from tests.support.images import data_url, image, large_image, saying, shown
from tests.support.rows import count, tables_with
from tests.support.service import Service

INCLUDE = "include=message.input_image.image_url"
STORED = "SELECT coalesce(sum(octet_length(data)), 0)::int FROM blobs WHERE sha256 = sha256($1)"


async def test_items_show_images(backstory: Service, api: Api, shared_engine: FakeEngine) -> None:
    said, data, kept = something(), image(), image("GIF")
    part, file = shown(data_url(data), detail="low"), await uploaded(api, kept)
    conversation: Any = await new_conversation(api, items=saying(f"{said} one", part))
    by_file = shown(file_id=file["id"])
    await add(api, conversation, *saying(f"{said} two", part, by_file))
    assert await count(backstory, STORED, data) == len(data)
    await api.respond(f"{said} three", conversation=conversation)
    body = heard_once(shared_engine, f"{said} three")
    assert [item["content"][1:] for item in body["input"][:2]] == [
        [part],
        [part, shown(data_url(kept, "image/gif"))],
    ]
    first, second, *_ = await items_of(api, conversation, f"order=asc&{INCLUDE}")
    assert first["content"][1] == part
    assert second["content"][2] == {**by_file, "image_url": None, "detail": "auto"}
    path = f"/v1/conversations/{conversation}"
    assert (await api.get(f"{path}/items/{first['id']}?{INCLUDE}")).body == first
    export = (await api.get(f"{path}/export")).body
    assert export["items"][0]["content"] == first["content"]
    await api.delete(path)
    assert not await tables_with(backstory, data.hex())
    assert await tables_with(backstory, kept.hex()) == {"blobs"}  # the file's


async def test_a_page_of_large_images_is_shorter(api: Api) -> None:
    conversation: Any = await new_conversation(api)
    pictures = [large_image(6_000_000) for _ in range(3)]
    for picture in pictures:
        await add(api, conversation, *saying("look", shown(data_url(picture))))
    seen: list[str] = []
    sizes, after = [], ""
    while True:
        query = f"order=asc&limit=3&{INCLUDE}{after}"
        reply = await api.get(f"/v1/conversations/{conversation}/items?{query}")
        sizes.append(len(reply.body["data"]))
        seen += [item["content"][1]["image_url"] for item in reply.body["data"]]
        if not reply.body["has_more"]:
            break
        after = f"&after={reply.body['last_id']}"
    assert seen == [data_url(picture) for picture in pictures]
    assert sizes == [2, 1]
    export = (await api.get(f"/v1/conversations/{conversation}/export")).body
    assert [item["content"][1]["image_url"] for item in export["items"]] == seen


@pytest.mark.parametrize("path", ["", "/items"])
async def test_a_wrong_image_is_refused(api: Api, path: str) -> None:
    conversation: Any = await new_conversation(api)
    items = saying("look", shown("data:image/png;base64,AAAA"))
    where = "/v1/conversations" + (f"/{conversation}{path}" if path else "")
    reply = await api.send("POST", where, {"items": items})
    assert (reply.status, reply.error["code"]) == (400, "invalid_image_format")
    assert reply.error["param"] == "items[0].content[1].image_url"


async def test_a_context_that_is_compacted_or_counted_may_show_images(api: Api) -> None:
    data = image()
    asked = {"model": "test-model", "input": saying("look", shown(data_url(data)))}
    counted = await api.send("POST", "/v1/responses/input_tokens", asked)
    assert (counted.status, counted.body["input_tokens"] > 0) == (200, True)
    compacted = await api.send("POST", "/v1/responses/compact", asked)
    assert compacted.status == 200, compacted.raw
    kept = compacted.body["output"][-1]
    assert kept["content"][1] == shown(data_url(data), detail="auto")
    assert (await api.create(compacted.body["output"])).status == 200
