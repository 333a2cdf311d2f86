"""Large scopes: the index of vectors, what it gives, and what is done where it gives too little."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest

from app.config import Config
from app.db.database import Database, open_database
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from app.db.sql import Connection
from app.ids import MemoryId, ProjectId, UserId, new_id
from app.memory.vectors.index import Progress, build_index, list_models
from app.recall import queries
from app.recall.nearest import nearest
from app.recall.types import Reach, Vector, VectorScored
from tests.support.postgres_fixtures import DatabaseUrls, fresh_database
from tests.support.service import free_port
from tests.support.serving import run_command

ADA, BOB = UserId(UUID(int=1)), UserId(UUID(int=2))
START = datetime(2026, 5, 1, tzinfo=UTC)
DIMENSIONS = 16
MEMORIES = 2_000
MOST = 20


class House:
    """A project whose memories are Ada's but for each tenth, which is Bob's; one a minute."""

    def __init__(self, database: Database, owner: Connection, urls: DatabaseUrls) -> None:
        self.database = database
        self.owner = owner
        self.urls = urls
        self.project = ProjectId(new_id())
        self.drawn = np.random.default_rng(7)

    async def fill(self, project: ProjectId) -> list[MemoryId]:
        ids = [MemoryId(new_id()) for _ in range(MEMORIES)]
        await self.owner.execute("INSERT INTO projects VALUES ($1, 'large')", project)
        model = await self.owner.fetchval(
            """INSERT INTO embedding_models (name, dimensions, in_use_since) VALUES ('m', $1, now())
               ON CONFLICT (name, dimensions) DO UPDATE SET name = excluded.name
               RETURNING model_id""",
            DIMENSIONS,
        )
        for number, memory_id in enumerate(ids):
            await self._insert(project, memory_id, number, model)
        return ids

    async def _insert(
        self, project: ProjectId, memory_id: MemoryId, number: int, model: int
    ) -> None:
        user, at = BOB if number % 10 == 0 else ADA, START + timedelta(minutes=number)
        await self.owner.execute(
            """INSERT INTO memories (
                   project_id, memory_id, user_id, kind, content, language, words, occurred_at,
                   trust)
               VALUES ($1, $2, $3, 'note', 'x', 'english', 1, $4, 'user')""",
            *(project, memory_id, user, at),
        )
        await self.owner.execute(
            """INSERT INTO memory_vectors
                   (project_id, user_id, model_id, memory_id, part, embedding)
               VALUES ($1, $2, $3, $4, 0, $5::real[]::vector::halfvec)""",
            *(project, user, model, memory_id, self.vector().tolist()),
        )

    def vector(self) -> Vector:
        drawn = self.drawn.standard_normal(DIMENSIONS).astype(np.float32)
        found: Vector = drawn / np.linalg.norm(drawn)
        return found

    async def build(self) -> list[str]:
        async with self.database.across() as conn:
            models = await list_models(conn)
        told: list[Progress] = []
        return [await build_index(self.urls.owner, model, 2**28, told.append) for model in models]

    async def by_index(self, reach: Reach, vector: Vector) -> list[VectorScored]:
        async with self.database.tenant(reach.project) as conn:
            return await queries.rank_by_index(conn, reach, "m", vector, MOST, 100)

    async def exact(self, reach: Reach, vector: Vector) -> list[VectorScored]:
        async with self.database.tenant(reach.project) as conn:
            return await queries.rank_by_vector(conn, reach, "m", vector, MOST)

    async def nearest(self, reach: Reach, vector: Vector) -> list[VectorScored]:
        async with self.database.tenant(reach.project) as conn:
            return await nearest(conn, reach, "m", vector, MOST, large=True)


@pytest.fixture(scope="module")
async def house(postgres: EmbeddedPostgres) -> AsyncIterator[House]:
    with fresh_database(postgres) as urls:
        await migrate(urls.owner)
        owner = await asyncpg.connect(urls.owner)
        async with open_database(urls.service, Config()) as database:
            house = House(database, owner, urls)
            await house.fill(house.project)
            await house.fill(ProjectId(new_id()))
            yield house
        await owner.close()


def reach(house: House, *users: UserId, **narrowed: Any) -> Reach:
    return Reach(project=house.project, users=list(users), **narrowed)


async def test_without_an_index_all_is_looked_through(house: House) -> None:
    vector, scope = house.vector(), reach(house, ADA)
    assert await house.by_index(scope, vector) == []
    assert await house.nearest(scope, vector) == await house.exact(scope, vector)


async def test_an_index_is_made_once_and_again_where_it_was_interrupted(house: House) -> None:
    assert await house.build() == ["built"]
    assert await house.build() == ["there"]
    superuser = await asyncpg.connect(house.urls.superuser)
    await superuser.execute(
        """UPDATE pg_index SET indisvalid = false
           WHERE indexrelid::regclass::text LIKE 'memory_vectors_nearest_%'"""
    )
    await superuser.close()
    assert await house.by_index(reach(house, ADA), house.vector()) == []
    assert await house.build() == ["built"]


@pytest.mark.parametrize(
    ("users", "narrowed"),
    [
        ([ADA, BOB], {}),
        ([ADA], {}),
        ([BOB], {}),
        ([ADA, BOB], {"kinds": ["note"]}),
        ([ADA], {"since": START + timedelta(minutes=1_000)}),
        ([BOB], {"until": START + timedelta(minutes=1_000), "kinds": ["note", "fact"]}),
    ],
)
async def test_the_index_gives_the_best_within_reach(
    house: House, users: list[UserId], narrowed: dict[str, Any]
) -> None:
    await house.build()
    scope = reach(house, *users, **narrowed)
    found, wanted = 0, 0
    for _ in range(20):
        vector = house.vector()
        by_index = await house.by_index(scope, vector)
        exact = await house.exact(scope, vector)
        assert len(by_index) == MOST
        found += len({one.memory_id for one in by_index} & {one.memory_id for one in exact[:10]})
        wanted += 10
    assert found >= 0.95 * wanted


async def test_what_is_superseded_is_passed(house: House) -> None:
    await house.build()
    vector, scope = house.vector(), reach(house, ADA, BOB)
    best = (await house.nearest(scope, vector))[0]
    await house.owner.execute(
        "UPDATE memories SET superseded_at = now() WHERE memory_id = $1", best.memory_id
    )
    found = await house.nearest(scope, vector)
    assert len(found) >= MOST
    assert best.memory_id not in {one.memory_id for one in found}


async def test_too_few_within_reach_are_all_found(house: House) -> None:
    """The index would have to be read to its end for them."""
    await house.build()
    vector = house.vector()
    scope = reach(house, ADA, BOB, until=START + timedelta(minutes=5))
    assert await house.by_index(scope, vector) == []
    assert len(await house.nearest(scope, vector)) == 5


async def test_doctor_compares_the_index_with_all(house: House, tmp_path: Path) -> None:
    await house.owner.execute(
        """INSERT INTO memory_scopes
           SELECT project_id, user_id, count(*), 0 FROM memories GROUP BY 1, 2
           ON CONFLICT DO NOTHING"""
    )
    await house.build()
    indexed = await examined(house, tmp_path, exact_max=100)
    shares = re.findall(
        r"ok   The index finds ([\d.]+)% of the exact best 10, of 20 vectors", indexed
    )
    assert len(shares) == 2
    assert all(float(share) >= 95 for share in shares)
    assert "small enough" in await examined(house, tmp_path, exact_max=MEMORIES)
    await house.owner.execute("DROP INDEX memory_vectors_nearest_1")
    assert "warn There is no index of vectors yet" in await examined(house, tmp_path, exact_max=100)


async def examined(house: House, tmp_path: Path, exact_max: int) -> str:
    environ = {
        "BACKSTORY_DATABASE_URL": house.urls.service,
        "BACKSTORY_DATABASE_OWNER_URL": house.urls.owner,
        "BACKSTORY_RECALL_EXACT_MAX": str(exact_max),
    }
    arguments = ("doctor", "--recall", "--data-dir", str(tmp_path), "--port", str(free_port()))
    done = await asyncio.to_thread(run_command, *arguments, **environ)
    return done.stdout
