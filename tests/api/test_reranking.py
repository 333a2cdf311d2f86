"""Reranking: the order is the model's where there is one in time, else as if there were none."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.ids import MemoryId, new_id
from app.recall.judge import Candidate, Judged
from app.recall.rerank import reordered
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.memories import recall, remember
from tests.support.postgres_fixtures import data_folder
from tests.support.serving import Serving, until
from tests.support.started import started
from tests.support.tiny_model import save_tiny_cross_encoder, save_tiny_model

QUERY = "What does the heron eat?"
TEXTS = [f"On day {n} the heron ate {n} frogs." for n in range(12)]
CANDIDATES = 8


@pytest.fixture(scope="module")
def folder(exported_models: Path) -> Iterator[Path]:
    with data_folder() as path:
        (path / "data").mkdir()
        (path / "data" / "models").symlink_to(exported_models)
        yield path / "data"


@pytest.fixture(scope="module")
def model(folder: Path, sentence_transformer: Any) -> str:
    return str(save_tiny_cross_encoder(folder.parent / "ranks"))


async def found(api: Api) -> list[Json]:
    data: list[Json] = (await recall(api, QUERY, explain=True, limit=12))["data"]
    return data


def contents(data: list[Json]) -> list[str]:
    return [entry["memory"]["content"] for entry in data]


async def test_the_best_are_in_the_models_order_and_without_it_as_before(
    folder: Path, model: str
) -> None:
    async with started(folder) as (_, api):
        await remember(api, *TEXTS)
        await eventually(lambda: _by_vector(api))
        plain = await found(api)
        assert (await recall(api, QUERY))["usage"]["reranked"] == "off"
        assert {entry["signals"]["rerank"] for entry in plain} == {None}
    options = {
        "BACKSTORY_RERANK_MODEL": model,
        "BACKSTORY_RERANK_CANDIDATES_MAX": str(CANDIDATES),
        "BACKSTORY_RERANK_TIMEOUT_MS": "2000",
    }
    async with started(folder, **options) as (service, api):
        await eventually(lambda: _reranked(api, "used"))
        ordered = await found(api)
        expected = _in_order(model, contents(plain)[:CANDIDATES])
        assert contents(ordered) == expected + contents(plain)[CANDIDATES:]
        ranks = [(entry["signals"]["rerank"] or {}).get("rank") for entry in ordered]
        assert ranks == [*range(1, CANDIDATES + 1), *[None] * 4]
        # A place keeps its probability: only who has it changes.
        assert [entry["score"] for entry in ordered] == [entry["score"] for entry in plain]
        gone = ordered[0]["memory"]["id"]
        assert (await api.send("DELETE", f"/v1/memories/{gone}")).status == 200
        assert gone not in [entry["memory"]["id"] for entry in await found(api)]
        await _fails_open(service, api)


async def _fails_open(service: Serving, api: Api) -> None:
    embedder = service.child("app.embeddings.server")
    os.kill(embedder.pid, signal.SIGSTOP)
    try:
        usage = (await recall(api, QUERY))["usage"]
        assert usage["reranked"] in ("too_late", "unavailable")
        assert usage["vectors"] == "too_late"
    finally:
        os.kill(embedder.pid, signal.SIGCONT)
    await eventually(lambda: _reranked(api, "used"))
    embedder.kill()
    usage = (await recall(api, QUERY))["usage"]
    assert usage["reranked"] in ("unavailable", "used")  # the next process may be there already
    await eventually(lambda: _reranked(api, "used"))


async def test_a_model_that_cannot_rank_leaves_recall_alone(
    folder: Path, sentence_transformer: Any
) -> None:
    """An embedding model would give random scores. The start says so, and goes on."""
    embeds = str(save_tiny_model(folder.parent / "embeds", "mean"))
    async with started(folder, BACKSTORY_RERANK_MODEL=embeds) as (service, api):
        assert f"The reranking model's folder {embeds} holds no cross-encoder" in service.err
        log = folder / "logs" / "embedder.log"
        await asyncio.to_thread(until, lambda: "it is no cross-encoder" in log.read_text())
        body = await recall(api, QUERY)
        assert body["data"]
        assert body["usage"]["reranked"] == "unavailable"


def test_a_model_that_gives_no_single_score_is_refused(
    folder: Path, sentence_transformer: Any
) -> None:
    from app.embeddings.cross_encoder import CrossEncoderModel

    classes = save_tiny_cross_encoder(folder.parent / "classes", labels=3)
    with pytest.raises(ValueError, match="3 numbers"):
        CrossEncoderModel(str(classes), 1)


async def _by_vector(api: Api) -> bool:
    data = await found(api)
    return len(data) == len(TEXTS) and all(entry["signals"]["vector"] for entry in data)


async def _reranked(api: Api, state: str) -> bool:
    return bool((await recall(api, QUERY))["usage"]["reranked"] == state)


def _in_order(model: str, texts: list[str]) -> list[str]:
    """As the library itself has it."""
    from sentence_transformers import CrossEncoder

    scores = CrossEncoder(model, device="cpu").predict([(QUERY, text) for text in texts])
    assert len(set(map(float, scores))) == len(texts), "the model tells them apart"
    return [texts[row] for row in sorted(range(len(texts)), key=lambda row: -scores[row])]


def test_of_two_alike_the_better_stays_first_and_what_has_no_score_comes_last() -> None:
    ids = [MemoryId(new_id()) for _ in range(4)]
    ranking = [
        Candidate(
            memory_id=memory_id,
            score=0.9 - 0.1 * place,
            words=0,
            words_rank=None,
            vector=None,
            vector_rank=None,
            points={},
        )
        for place, memory_id in enumerate(ids)
    ]
    scores = {ids[0]: 1.0, ids[1]: 1.0, ids[3]: 2.0}
    ordered = reordered(Judged(ranking, 0.9), scores).ranking
    assert [one.memory_id for one in ordered] == [ids[3], ids[0], ids[1], ids[2]]
    assert [one.rerank and one.rerank.rank for one in ordered] == [1, 2, 3, None]
