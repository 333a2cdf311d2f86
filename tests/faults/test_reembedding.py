"""Another embedding model: filled in beside the old one, killed amid that, and switched to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.db.embedded import EmbeddedPostgres
from app.embeddings.model import DEFAULT_MODEL, export_folder
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.memories import recall, remember
from tests.support.postgres_fixtures import data_folder
from tests.support.rows import connected
from tests.support.serving import run_command
from tests.support.started import started
from tests.support.tiny_model import save_tiny_model

TEXTS = [f"On day {n} the heron ate {n} frogs and {n} newts." for n in range(400)]
VECTORS = """
    SELECT v.memory_id, v.part, v.xmin::text AS made_by, vector_dims(v.embedding) AS dimensions
    FROM memory_vectors v JOIN embedding_models e USING (model_id)
    WHERE e.name = $1
"""
WAITS = "SELECT count(*) FROM outbox WHERE topic IN ('embed_memories', 'reembed')"


@pytest.fixture(scope="module")
def folder(exported_models: Path) -> Iterator[Path]:
    with data_folder() as path:
        (path / "data").mkdir()
        (path / "data" / "models").symlink_to(exported_models)
        yield path / "data"


@pytest.fixture(scope="module")
def tiny(folder: Path, sentence_transformer: Any) -> str:
    """Exported beforehand, so that what is waited for is not torch."""
    from app.embeddings.export import export_model

    name = str(save_tiny_model(folder.parent / "tiny", "mean"))
    export_model(name, export_folder(folder, name), threads=1)
    return name


async def found(api: Api) -> Json:
    """Recall works: by vectors too, and finds what fits."""
    body = await recall(api, TEXTS[123], explain=True)
    assert body["usage"]["vectors"] == "used"
    best: Json = body["data"][0]
    assert best["memory"]["content"] == TEXTS[123]
    assert best["signals"]["vector"] is not None
    return body


async def owned(folder: Path, sql: str, *values: Any) -> list[Any]:
    postgres = EmbeddedPostgres(folder)
    assert postgres.find_running()
    async with connected(postgres.owner_url) as conn:
        return list(await conn.fetch(sql, *values))


async def nothing_waits(folder: Path) -> bool:
    found: int = (await owned(folder, WAITS))[0][0]
    return found == 0


@pytest.mark.slow
async def test_a_new_model_fills_in_and_is_switched_to(folder: Path, tiny: str) -> None:
    async with started(folder) as (_, api):
        await remember(api, *TEXTS, episode="summer")
        await eventually(lambda: nothing_waits(folder), seconds=120)
        before = await found(api)
        assert len(await owned(folder, VECTORS, DEFAULT_MODEL)) == 2 * len(TEXTS)

    slowly = {"BACKSTORY_EMBEDDING_MODEL": tiny, "BACKSTORY_EMBEDDER_BATCH_MAX": "1"}
    async with started(folder, **slowly) as (service, api):

        async def filling() -> list[Any]:
            during = await found(api)
            assert [one["score"] for one in during["data"]] == [
                one["score"] for one in before["data"]
            ]
            return await owned(folder, VECTORS, tiny)

        made = await eventually(filling, seconds=120)
        service.kill()
    assert 0 < len(made) < 2 * len(TEXTS)

    async with started(folder, BACKSTORY_EMBEDDING_MODEL=tiny) as (service, api):
        await remember(api, "Said while all is embedded anew.")

        async def switched() -> bool:
            await found(api)
            reply = await api.get("/health/ready")
            return bool(reply.body["embedder"]["model"] == tiny)

        await eventually(switched, seconds=120)
        assert (await api.get("/health/ready")).body["embedder"]["filling"] is None
        await eventually(lambda: nothing_waits(folder))
        now = await owned(folder, VECTORS, tiny)
        assert {row["dimensions"] for row in now} == {16}
        assert sum(row["part"] == 0 for row in now) == len(TEXTS) + 1
        assert sum(row["part"] == -1 for row in now) == len(TEXTS)
        assert {tuple(row) for row in made} <= {tuple(row) for row in now}  # and none made twice
        await found(api)

        shown = run_command("memory", "models", "--data-dir", str(folder), "--drop-unused").stdout
        assert f"{tiny}, 16 dimensions: in use, 401 of 401 memories" in shown
        assert f"{DEFAULT_MODEL}, 384 dimensions: unused" in shown
        assert await owned(folder, VECTORS, DEFAULT_MODEL) == []
        await found(api)
