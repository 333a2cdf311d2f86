"""Recall when the embedder is away or slow, and when vectors have not come yet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from app.config import Config
from app.db.database import Database, open_database
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.embeddings.types import Embedder, Lane, Vectors
from app.errors import Unavailable
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, ProjectId, new_id
from app.jobs.outbox import backlog
from app.jobs.runner import open_job_runner
from app.memory.embed import embed_handler
from app.memory.recall import recall
from app.memory.remember import remember
from app.memory.types import Asked, NewMemory, Reach, Recollection
from tests.support.embedder import HashEmbedder
from tests.support.eventually import eventually
from tests.support.postgres_fixtures import fresh_database


class LoadingEmbedder(HashEmbedder):
    """Away until it is `loaded`."""

    loaded = False

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        if not self.loaded:
            raise Unavailable("The embedder is loading.")
        return await super().embed(texts, lane)


class SlowEmbedder(HashEmbedder):
    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        await asyncio.Event().wait()
        raise AssertionError


class House:
    def __init__(self, database: Database, project: ProjectId) -> None:
        self.database = database
        self.project = project
        self.users = Users(database, ttl_seconds=10)

    async def remember(self, *contents: str) -> None:
        async with self.database.tenant(self.project) as conn:
            await remember(conn, self.project, [_note(content) for content in contents])

    async def recall(self, embedder: Embedder, query: str) -> Recollection:
        reach = Reach(project=self.project, users=[PROJECT_ITSELF])
        return await recall(
            self.database, embedder, self.users, reach, Asked(query=query), embed_seconds_max=0.05
        )


@pytest.fixture
async def house(postgres: EmbeddedPostgres) -> AsyncIterator[House]:
    with fresh_database(postgres) as urls:
        await migrate(urls.owner)
        project = ProjectId(new_id())
        owner = await asyncpg.connect(urls.owner)
        await owner.execute("INSERT INTO projects VALUES ($1, 'recall')", project)
        await owner.close()
        async with open_database(urls.service, Config()) as database:
            yield House(database, project)


async def test_words_alone_decide_while_the_embedder_loads(house: House) -> None:
    await house.remember("The key is under the mat.", "The cat sleeps.")
    found = await house.recall(LoadingEmbedder(), "keys")
    assert [entry.memory.content for entry in found.data] == ["The key is under the mat."]
    assert found.usage.vectors == "unavailable"


async def test_a_slow_embedder_is_not_waited_for(house: House) -> None:
    await house.remember("The key is under the mat.")
    found = await house.recall(SlowEmbedder(), "keys")
    assert len(found.data) == 1
    assert found.usage.vectors == "too_late"


async def test_vectors_follow_when_the_embedder_has_loaded(house: House) -> None:
    embedder = LoadingEmbedder()
    await house.remember("alpha beta", "gamma delta")
    async with open_job_runner(house.database, Config(outbox_poll_seconds=0.01)) as jobs:
        jobs.serve("embed_memories", embed_handler(house.database, embedder))

        async def waits() -> bool:
            return [(b.waiting, b.failed) for b in await backlog(house.database)] == [(1, 0)]

        async def nothing_waits() -> bool:
            return await backlog(house.database) == []

        await eventually(waits)
        embedder.loaded = True
        await eventually(nothing_waits)
    found = await house.recall(embedder, "the gammas")  # its stem: words and vector both
    assert found.usage.vectors == "used"
    assert found.data[0].memory.content == "gamma delta"


async def test_another_model_starts_beside_the_old_one(house: House) -> None:
    """Vectors of two models are never compared: until the new ones have come, words decide."""
    await house.remember("alpha beta")
    old, new = HashEmbedder("old"), HashEmbedder("new", dimensions=64)
    async with open_job_runner(house.database, Config(outbox_poll_seconds=0.01)) as jobs:
        jobs.serve("embed_memories", embed_handler(house.database, old))

        async def embedded() -> bool:
            return await backlog(house.database) == []

        await eventually(embedded)
    found = await house.recall(new, "alpha")
    assert [entry.memory.content for entry in found.data] == ["alpha beta"]


async def test_a_database_that_is_away_is_said(postgres: EmbeddedPostgres) -> None:
    async with open_database(postgres.service_url, Config()) as database:
        house = House(database, ProjectId(new_id()))
    with pytest.raises(Unavailable):
        await house.recall(SlowEmbedder(), "anything")


def _note(content: str) -> NewMemory:
    return NewMemory(
        user_id=PROJECT_ITSELF,
        kind="note",
        content=content,
        occurred_at=datetime.now(UTC),
        trust="application",
    )
