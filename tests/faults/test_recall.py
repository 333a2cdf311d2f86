"""Recall when the embedder is away or slow, and when vectors have not come yet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from app.config import Config
from app.db.database import Database, open_database
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.embeddings.types import Embedder, Lane, Vectors
from app.errors import EmbeddingFailed, Unavailable
from app.identity.users import Users
from app.ids import PROJECT_ITSELF, ProjectId, new_id
from app.jobs.outbox import backlog, list_failed
from app.jobs.runner import JobRunner, open_job_runner
from app.jobs.types import FailedJob
from app.memory.remember import remember
from app.memory.types import NewMemory
from app.memory.vectors.embed import JOBS_MAX, embed_handler
from app.memory.vectors.pieces import PIECE_TEXTS_MAX
from app.recall.recall import recall
from app.recall.score import FITS_MIN
from app.recall.types import Asked, Reach, Recollection
from tests.support.embedder import HashEmbedder, OneModel
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


class PickyEmbedder(HashEmbedder):
    bad = "bad"

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        if any(self.bad in text for text in texts):
            raise EmbeddingFailed("The embedder failed.")
        return await super().embed(texts, lane)


class LeavingEmbedder(HashEmbedder):
    """Away after its first answer, until it is `back`."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.back = asyncio.Event(), asyncio.Event()

    async def has_left(self) -> bool:
        return self.left.is_set()

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        if self.embedded and not self.back.is_set():
            self.left.set()
            raise Unavailable("The embedder process is not there now.")
        return await super().embed(texts, lane)


class House:
    def __init__(self, database: Database, project: ProjectId) -> None:
        self.database = database
        self.project = project
        self.users = Users(database, ttl_seconds=10)

    async def remember(self, *contents: str) -> None:
        async with self.database.tenant(self.project) as conn:
            await remember(conn, self.project, [_note(content) for content in contents])

    async def vectors(self) -> int:
        async with self.database.tenant(self.project) as conn:
            found: int = await conn.fetchval("SELECT count(*) FROM memory_vectors")
        return found

    async def end_delays(self) -> None:
        """Time passes, but not as much as a lease lasts."""
        async with self.database.tenant(self.project) as conn:
            await conn.execute(
                "UPDATE outbox SET run_at = now() WHERE run_at < now() + interval '10 seconds'"
            )

    async def nothing_waits(self) -> bool:
        return await backlog(self.database) == []

    async def recall(self, embedder: Embedder, query: str) -> Recollection:
        reach = Reach(project=self.project, users=[PROJECT_ITSELF])
        return await recall(
            self.database,
            embedder,
            self.users,
            reach,
            Asked(query=query),
            embed_seconds_max=0.05,
            exact_max=1_000,
        )


@asynccontextmanager
async def embedding(house: House, embedder: Embedder) -> AsyncIterator[JobRunner]:
    config = Config(outbox_poll_seconds=0.01, outbox_attempts_max=2)
    async with open_job_runner(house.database, config) as jobs:
        jobs.serve(
            "embed_memories", embed_handler(house.database, OneModel(embedder)), jobs_max=JOBS_MAX
        )
        yield jobs


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


async def test_of_a_first_memory_one_may_be_sure_by_its_words_alone(house: House) -> None:
    """Of one memory every word that it has is common, and every other as rare as can be."""
    await house.remember("My passport lies in the blue drawer.")
    fits = await house.recall(LoadingEmbedder(), "Where did I leave my passport?")
    strange = await house.recall(LoadingEmbedder(), "Who won the chess tournament in Oslo?")
    assert fits.confidence > FITS_MIN > strange.confidence


async def test_without_vectors_a_time_is_enough_to_ask_for(house: House) -> None:
    await house.remember("The key is under the mat.", "The cat sleeps.")
    found = await house.recall(LoadingEmbedder(), "What happened today?")
    assert len(found.data) == 2
    assert found.confidence > 0.5
    assert (await house.recall(LoadingEmbedder(), "What happened last year?")).confidence < FITS_MIN


async def test_a_slow_embedder_is_not_waited_for(house: House) -> None:
    await house.remember("The key is under the mat.")
    found = await house.recall(SlowEmbedder(), "keys")
    assert len(found.data) == 1
    assert found.usage.vectors == "too_late"


async def test_vectors_follow_when_the_embedder_has_loaded(house: House) -> None:
    embedder = LoadingEmbedder()
    await house.remember("alpha beta", "gamma delta")
    async with open_job_runner(house.database, Config(outbox_poll_seconds=0.01)) as jobs:
        jobs.serve("embed_memories", embed_handler(house.database, OneModel(embedder)))

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


async def test_a_text_that_fails_holds_up_no_other_and_is_given_up(house: House) -> None:
    embedder = PickyEmbedder()
    await house.remember("alpha", "a bad one", "beta")
    await house.remember("gamma")
    async with embedding(house, embedder):

        async def given_up() -> list[FailedJob]:
            await house.end_delays()
            return await list_failed(house.database, house.project)

        failed = await eventually(given_up)
    assert [(job.attempts, job.error) for job in failed] == [
        (2, "EmbeddingFailed: The embedder failed.")
    ]
    assert await house.vectors() == 3
    assert (await house.recall(PickyEmbedder(), "a bad one")).usage.vectors == "unavailable"


async def test_what_has_a_vector_is_not_embedded_again(house: House) -> None:
    """The embedder goes away after the first piece."""
    embedder = LeavingEmbedder()
    texts = [str(number) for number in range(PIECE_TEXTS_MAX + 6)]
    await house.remember(*texts)
    async with embedding(house, embedder):
        await eventually(embedder.has_left)
        assert await house.vectors() == PIECE_TEXTS_MAX
        embedder.back.set()
        await eventually(house.nothing_waits)
    assert await house.vectors() == len(texts)
    assert sorted(text for _, piece in embedder.embedded for text in piece) == sorted(texts)


@pytest.mark.parametrize("name", ["new", "old"])
async def test_another_model_starts_beside_the_old_one(house: House, name: str) -> None:
    """Vectors of two models are never compared: until the new ones have come, words decide.

    Under the old name, a model is another one by its dimensions.
    """
    await house.remember("alpha beta")
    old, new = HashEmbedder("old"), HashEmbedder(name, dimensions=64)
    async with embedding(house, old):
        await eventually(house.nothing_waits)
    found = await house.recall(new, "alpha")
    assert [entry.memory.content for entry in found.data] == ["alpha beta"]
    await house.remember("gamma delta")
    async with embedding(house, new):
        await eventually(house.nothing_waits)
    found = await house.recall(new, "the gammas")
    assert [entry.memory.content for entry in found.data] == ["gamma delta"]


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
