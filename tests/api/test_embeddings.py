"""POST /v1/embeddings with the real embedder."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from openai import AsyncOpenAI

from app.embeddings.process_embedder import ProcessEmbedder
from tests.support.api import Api, Reply, open_api
from tests.support.eventually import eventually
from tests.support.rows import count
from tests.support.service import Service, run_service

PATH = "/v1/embeddings"
MODEL = "all-MiniLM-L6-v2"
TEXTS = ["The passport lies in the drawer.", "Bees make honey."]


async def embed(api: Api, given: object, **fields: object) -> Reply:
    return await api.send("POST", PATH, {"model": MODEL, "input": given, **fields})


async def test_the_sdk_gets_the_embedders_vectors(
    openai: AsyncOpenAI, process_embedder: ProcessEmbedder
) -> None:
    """It asks for base64 by itself, and decodes it."""
    found = await openai.embeddings.create(model=MODEL, input=TEXTS)
    expected = await process_embedder.embed(TEXTS, "document")
    assert [entry.index for entry in found.data] == [0, 1]
    assert np.allclose([entry.embedding for entry in found.data], expected, atol=1e-5)
    assert found.model == MODEL
    assert found.usage.total_tokens == found.usage.prompt_tokens > 8
    floats = await openai.embeddings.create(model=MODEL, input=TEXTS, encoding_format="float")
    assert np.allclose([entry.embedding for entry in floats.data], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["default", MODEL, f"sentence-transformers/{MODEL}"])
async def test_one_text_under_each_name(api: Api, name: str) -> None:
    reply = await embed(api, TEXTS[0], model=name, dimensions=384)
    assert reply.status == 200, reply.raw
    assert len(reply.body["data"][0]["embedding"]) == 384


async def test_hundreds_of_texts_keep_their_order(api: Api) -> None:
    data = (await embed(api, [f"number {n % 8}" for n in range(400)])).body["data"]
    assert [entry["index"] for entry in data] == list(range(400))
    first, last = data[7]["embedding"], data[399]["embedding"]
    assert np.dot(first, last) > 0.999
    assert np.dot(first, data[398]["embedding"]) < 0.999


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "text-embedding-3-small"}, 404, "model"),
        ({"input": []}, 400, "input"),
        ({"input": ""}, 400, "input"),
        ({"input": ["a", ""]}, 400, "input"),
        ({"input": [1, 2, 3]}, 400, "input"),
        ({"input": [[1, 2, 3]]}, 400, "input"),
        ({"input": [None]}, 400, "input"),
        ({"input": ["a"] * 2049}, 400, "input"),
        ({"input": ["a" * 1_000_001] * 2}, 400, "input"),
        ({"dimensions": 64}, 400, "dimensions"),
        ({"encoding_format": "hex"}, 400, "encoding_format"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_refused_is_named(
    api: Api, fields: dict[str, Any], status: int, param: str
) -> None:
    reply = await api.send("POST", PATH, {"model": MODEL, "input": "hello", **fields})
    assert reply.status == status
    assert reply.error["param"] == param


async def test_it_is_in_the_request_log(api: Api, backstory: Service) -> None:
    mine = api.as_user("embeds")
    await embed(mine, TEXTS)
    sql = (
        "SELECT count(*) FROM requests r JOIN users u USING (project_id, user_id)"
        " WHERE u.external_id = 'embeds' AND r.endpoint = 'POST /v1/embeddings'"
        f" AND r.model = '{MODEL}' AND r.engine = 'embedder' AND r.input_tokens > 8"
    )

    async def logged() -> bool:
        return await count(backstory, sql) == 1

    await eventually(logged)


async def test_without_the_embedder_it_says_when_to_come_again(
    backstory: Service, tmp_path: Path
) -> None:
    config = msgspec.structs.replace(backstory.config, data_dir=tmp_path)
    async with run_service(backstory.urls, config) as service, open_api(service) as api:
        reply = await embed(api.with_key(backstory.api_key), TEXTS)
    assert reply.status == 503
    assert reply.error["code"] == "embedder_unavailable"
    assert reply.headers["Retry-After"] == "1"
