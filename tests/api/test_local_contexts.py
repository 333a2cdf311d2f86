"""Long contexts on the local engine, with a real model and a window that is really small."""

from collections.abc import AsyncIterator

import pytest

from app.config import Config
from app.contexts.compacted import HEADING
from app.db.embedded import EmbeddedPostgres
from app.engine.local_server import LocalServer
from tests.support.api import Api, Json, message, open_api, text_of
from tests.support.postgres_fixtures import fresh_database
from tests.support.service import run_service

WINDOW = 384
MODEL = "@oi/beta"
SHORT: Json = {"model": MODEL, "max_output_tokens": 8, "temperature": 0.0, "cache": False}
PADDING = "The bees fly over the meadow and come back with honey. " * 2


@pytest.fixture(scope="module")
async def small(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    config = Config(
        data_dir=tmp_path_factory.mktemp("small_engine"),
        engine_kind="local",
        local_engine_context_tokens=WINDOW,
        local_engine_slots=1,
        drain_seconds=5,
    )
    server = LocalServer(config)
    server.start()
    try:
        await server.ready()
        config = Config(data_dir=config.data_dir, engine_kind="local", local_engine_url=server.url)
        with fresh_database(postgres) as urls:
            async with run_service(urls, config) as service, open_api(service) as api:
                yield api
    finally:
        server.stop()


def talk(turns: int) -> list[Json]:
    items: list[Json] = []
    for turn in range(turns):
        items += [message(f"{turn}: {PADDING}"), message("I see.", "assistant")]
    return [*items, message("Say hello.")]


async def count(api: Api, said: list[Json] | str) -> int:
    reply = await api.send("POST", "/v1/responses/input_tokens", {"model": MODEL, "input": said})
    counted: int = reply.body["input_tokens"]
    return counted


async def test_it_counts_exactly(small: Api) -> None:
    answer = await small.respond("How many bees are there?", **SHORT)
    assert await count(small, "How many bees are there?") == answer["usage"]["input_tokens"]


async def test_more_than_the_window_is_answered_with_truncation(small: Api) -> None:
    items = talk(24)
    assert await count(small, items) > 2 * WINDOW
    refused = await small.create(items, **SHORT)
    assert refused.error["code"] == "context_length_exceeded"
    answer = await small.respond(items, truncation="auto", **SHORT)
    assert text_of(answer)
    assert WINDOW // 3 < answer["usage"]["input_tokens"] <= WINDOW
    again = await small.respond(
        "And again.", previous_response_id=answer["id"], truncation="auto", **SHORT
    )
    assert again["usage"]["input_tokens"] <= WINDOW


async def test_more_than_the_window_can_be_compacted(small: Api) -> None:
    """In pieces, each of which fits."""
    items = talk(12)
    assert await count(small, items) > WINDOW
    reply = await small.send("POST", "/v1/responses/compact", {"model": MODEL, "input": items})
    assert reply.status == 200, reply.raw
    compacted = reply.body["output"]
    assert compacted[0]["type"] == "compaction"
    assert compacted[-1]["content"] == items[-1]["content"]
    assert reply.body["usage"]["input_tokens"] > WINDOW // 2
    assert reply.body["usage"]["output_tokens"] > 0
    assert await count(small, compacted) < await count(small, items)
    answer = await small.respond(compacted, truncation="auto", **SHORT)
    assert HEADING not in text_of(answer)
    assert text_of(answer)


async def test_it_summarises_a_conversation(small: Api) -> None:
    """In pieces, since the talk is larger than the window; again with what came later."""
    made = await small.send("POST", "/v1/conversations", {"items": talk(6)[:12]})
    path = f"/v1/conversations/{made.body['id']}"
    asked = {"method": "engine", "model": MODEL}
    first = await small.send("POST", f"{path}/summarize", asked)
    assert first.status == 200, first.raw
    assert (first.body["messages"], first.body["method"]) == (12, "engine")
    assert first.body["memory"]["content"].strip()
    await small.send("POST", f"{path}/items", {"items": [message("One more thing.")]})
    second = await small.send("POST", f"{path}/summarize", asked)
    assert second.body["messages"] == 13
    sources = {source["id"] for source in second.body["memory"]["sources"]}
    assert first.body["memory"]["id"] in sources
