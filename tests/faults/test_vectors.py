"""Which texts get vectors, and when: passages, windows, and what changes beside them."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from app.config import Config
from app.db.database import Database, open_database
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.db.sql import Connection
from app.embeddings.types import Embedder, Lane, Vectors
from app.ids import PROJECT_ITSELF, MemoryId, ProjectId, new_id
from app.jobs.outbox import backlog
from app.jobs.runner import open_job_runner
from app.memory.forget import forget
from app.memory.remember import remember
from app.memory.types import NewMemory
from app.memory.vectors.embed import JOBS_MAX, embed_handler
from tests.support.embedder import HashEmbedder, OneModel
from tests.support.eventually import eventually
from tests.support.postgres_fixtures import fresh_database

START = datetime(2026, 5, 1, 9, tzinfo=UTC)
VECTORS = """
    SELECT m.content, v.part
    FROM memory_vectors v JOIN memories m USING (project_id, memory_id)
    ORDER BY m.occurred_at, m.memory_id, v.part
"""


class House:
    def __init__(self, database: Database, owner: Connection, project: ProjectId) -> None:
        self.database = database
        self.owner = owner
        self.project = project
        self.embedder = HashEmbedder()

    async def say(self, *minutes: int, **fields: Any) -> list[MemoryId]:
        """A turn in each of these minutes of one day."""
        return await self.remember([turn(minute, **fields) for minute in minutes])

    async def remember(self, memories: Sequence[NewMemory]) -> list[MemoryId]:
        async with self.database.tenant(self.project) as conn:
            return await remember(conn, self.project, memories)

    async def forget(self, *ids: MemoryId) -> None:
        async with self.database.tenant(self.project) as conn:
            await forget(conn, self.project, list(ids))

    async def embed(self, embedder: Embedder | None = None) -> None:
        """All that waits."""
        async with self.embedding(embedder or self.embedder):
            await eventually(self.nothing_waits)

    @asynccontextmanager
    async def embedding(self, embedder: Embedder) -> AsyncIterator[None]:
        async with open_job_runner(self.database, Config(outbox_poll_seconds=0.01)) as jobs:
            jobs.serve(
                "embed_memories",
                embed_handler(self.database, OneModel(embedder)),
                jobs_max=JOBS_MAX,
            )
            yield

    async def nothing_waits(self) -> bool:
        return await backlog(self.database) == []

    async def vectors(self) -> list[tuple[str, int]]:
        return [tuple(row) for row in await self.owner.fetch(VECTORS)]

    def newly_embedded(self) -> list[str]:
        texts = [text for _, piece in self.embedder.embedded for text in piece]
        self.embedder.embedded.clear()
        return sorted(texts)


def turn(minute: int, content: str = "", **fields: Any) -> NewMemory:
    said = NewMemory(
        user_id=PROJECT_ITSELF,
        kind="message",
        content=content or f"turn {minute}",
        occurred_at=START + timedelta(minutes=minute),
        trust="user",
        episode="day",
    )
    return replace(said, **fields)


def turns(*minutes: int) -> str:
    return "\n".join(f"turn {minute}" for minute in minutes)


@pytest.fixture
async def house(postgres: EmbeddedPostgres) -> AsyncIterator[House]:
    with fresh_database(postgres) as urls:
        await migrate(urls.owner)
        owner = await asyncpg.connect(urls.owner)
        project = ProjectId(new_id())
        await owner.execute("INSERT INTO projects VALUES ($1, 'vectors')", project)
        async with open_database(urls.service, Config()) as database:
            yield House(database, owner, project)
        await owner.close()


async def test_in_a_batch_each_text_and_each_window_is_embedded_once(house: House) -> None:
    await house.say(*range(100))
    await house.embed()
    counted = Counter(house.newly_embedded())
    windows = [turns(n - 1, n, n + 1) for n in range(1, 99)]
    assert counted == Counter(
        [*(turns(n) for n in range(100)), *windows, turns(0, 1), turns(98, 99)]
    )
    assert len(await house.vectors()) == 200


async def test_a_new_turn_changes_the_window_before_it_alone(house: House) -> None:
    await house.say(*range(10))
    await house.embed()
    house.newly_embedded()
    await house.say(10)
    await house.embed()
    assert house.newly_embedded() == sorted([turns(10), turns(9, 10), turns(8, 9, 10)])


async def test_a_turn_that_comes_late_stands_where_it_was_said(house: House) -> None:
    await house.say(0, 2)
    await house.embed()
    house.newly_embedded()
    await house.say(1)
    await house.embed()
    assert house.newly_embedded() == sorted([turns(1), turns(0, 1, 2), turns(0, 1), turns(1, 2)])


async def test_only_turns_of_the_same_stretch_stand_beside(house: House) -> None:
    await house.say(0, 2)
    await house.say(1, episode="another")
    await house.say(1, episode=None)
    await house.say(1, user_id=UUID(int=7))
    await house.say(1, kind="fact")
    await house.embed()
    assert [text for text in house.newly_embedded() if "\n" in text] == [turns(0, 2), turns(0, 2)]


async def test_what_is_forgotten_is_in_no_window(house: House) -> None:
    ids = await house.say(*range(4))
    await house.embed()
    house.newly_embedded()
    await house.forget(ids[1])
    assert await house.vectors() == [
        *(("turn 0", 0), ("turn 2", 0)),  # without its window, from this moment on
        *(("turn 3", -1), ("turn 3", 0)),
    ]
    await house.embed()
    assert house.newly_embedded() == sorted([turns(0, 2), turns(0, 2, 3)])


async def test_a_new_version_is_in_the_windows_beside_it(house: House) -> None:
    await house.remember([turn(n, external_id=str(n)) for n in range(3)])
    await house.embed()
    house.newly_embedded()
    await house.remember([turn(1, "other", external_id="1")])
    assert ("turn 0", -1) not in await house.vectors()
    await house.embed()
    assert house.newly_embedded() == sorted(
        ["other", "turn 0\nother", "turn 0\nother\nturn 2", "other\nturn 2"]
    )
    await house.remember([turn(1, "other", external_id="1")])
    await house.embed()
    assert house.newly_embedded() == []


class Interrupted(HashEmbedder):
    """Before it gives the first vectors back, something happens."""

    def __init__(self, happens: Any) -> None:
        super().__init__()
        self.happens = happens

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        happens, self.happens = self.happens, None
        if happens:
            await happens()
        return await super().embed(texts, lane)


async def test_what_is_forgotten_while_its_window_is_embedded_leaves_nothing(house: House) -> None:
    ids = await house.say(*range(3))
    await house.embed(Interrupted(lambda: house.forget(ids[1])))
    assert await house.vectors() == [
        *(("turn 0", -1), ("turn 0", 0)),
        *(("turn 2", -1), ("turn 2", 0)),
    ]
    made = await house.owner.fetch(
        "SELECT DISTINCT embedding::text FROM memory_vectors WHERE part = -1"
    )
    assert len(made) == 1  # both are the two turns together


async def test_what_comes_while_its_neighbour_is_embedded_is_in_the_window(house: House) -> None:
    await house.say(0, 2)
    embedder = Interrupted(lambda: house.say(1))
    await house.embed(embedder)
    assert embedder.embedded
    assert len(await house.vectors()) == 6
    current = await house.owner.fetchval(
        """SELECT count(*) FROM memory_vectors v
           JOIN memory_windows($1, ARRAY(SELECT memory_id FROM memories)) w
               USING (memory_id, made_of)""",
        house.project,
    )
    assert current == 3


async def test_a_long_text_has_a_vector_a_passage_and_no_window(house: House) -> None:
    long = " ".join(f"Sentence number {n} is about number {n}." for n in range(100))
    await house.remember([turn(0), turn(1, long, speaker="Ada"), turn(2)])
    await house.embed()
    vectors = await house.vectors()
    passages = [part for content, part in vectors if content == long]
    assert passages == list(range(len(passages)))
    assert len(passages) == 5
    texts = house.newly_embedded()
    assert sum(text.startswith("Ada: Sentence number") for text in texts) == 5
    assert [part for content, part in vectors if content == "turn 2"] == [-1, 0]


async def test_many_long_texts_are_many_rows_of_bounded_work(house: House) -> None:
    long = "All the herons have gone. " * 3_000
    await house.remember([turn(n, long, episode=None) for n in range(3)])
    rows = await house.owner.fetch("SELECT payload FROM outbox")
    assert len(rows) == 3
