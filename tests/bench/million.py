"""Recall in a project of a million memories, against the same in a project of ten thousand.

In the large project: a user of a thousand memories and all of one of ten thousand (looked through),
a tenth of it in one user, and everyone (by the index). Timed are the vector arm alone, by the
service's code on one connection, and whole recalls over HTTP; what the index gives is compared
with what looking through everything gives.
"""

import asyncio
import itertools
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from app.config import Config
from app.db.database import Database, open_database
from app.db.sql import Connection
from app.embeddings.model import DEFAULT_MODEL
from app.identity.bootstrap import issue_key
from app.ids import ProjectId, UserId, new_id
from app.memory.vectors import index
from app.recall import queries
from app.recall.gather import CANDIDATES_MIN
from app.recall.nearest import nearest
from app.recall.types import Reach, Vector
from app.web.principal import Scope
from tests.bench.large_project import Owner, Seeds, connected, fill, read_seeds
from tests.bench.measure import Progress, Samples, Way, interleave, percentile, ratio, spread, timed
from tests.bench.memories import open_rest
from tests.bench.options import Options
from tests.bench.report import Claim, Findings, Table, at_least, at_most
from tests.bench.texts import Texts
from tests.bench.world import World

SMALL = 10_000
USER = 1_000
REST = 5_000
SEEDS = 20_000
QUESTIONS = 50
BEST = 10
SHARED_BUFFERS = "4GB"
STATEMENT_SECONDS_MAX = 120.0


class Place(NamedTuple):
    """Where it is asked: `user` is its name, `*` everyone."""

    name: str
    user: str
    reach: Reach
    memories: int
    key: str

    @property
    def large(self) -> bool:
        return self.memories > Config().recall_exact_max


Asked = dict[str, Vector]


async def run(world: World, options: Options, progress: Progress) -> Findings:
    texts = Texts(options.data)
    async with AsyncExitStack() as stack:
        owner = await connected(world.postgres.superuser_url)
        await owner.execute(f"ALTER SYSTEM SET shared_buffers = '{SHARED_BUFFERS}'")
        await owner.close()
        world.restart()
        await world.until_loaded()
        owner = await connected(world.postgres.superuser_url)
        stack.push_async_callback(owner.close)
        model_id, seeds, asked = await _prepare(world, owner, texts, options, progress)
        small = await _small(owner, seeds, model_id, progress)
        large = await _large(owner, seeds, model_id, options.large_memories, progress)
        built = await _index(world, progress)
        config = Config(
            database_pool_max=1, database_statement_timeout_seconds=STATEMENT_SECONDS_MAX
        )
        url = world.postgres.service_url
        database = await stack.enter_async_context(open_database(url, config))
        places = [small, *large]
        shares = {place.name: await _share(database, place, asked, progress) for place in places}
        arms = await _time(_arms(database, places, asked), options, progress)
        whole = await _time(await _wholes(world, places, asked, stack), options, progress)
    return _findings(places, shares, arms, whole, built)


async def _prepare(
    world: World, owner: Connection, texts: Texts, options: Options, progress: Progress
) -> tuple[int, Seeds, Asked]:
    count = SEEDS // 10 if options.quick else SEEDS
    progress(f"embedding {count:,} sentences")
    embedder = world.embedder()
    said, questions = texts.sentences(count), texts.questions(QUESTIONS)
    vectors = await embedder.embed(said, "document")
    asked = dict(zip(questions, await embedder.embed(questions, "query"), strict=True))
    await embedder.close()
    model_id = await owner.fetchval(
        """INSERT INTO embedding_models (name, dimensions) VALUES ($1, $2)
           ON CONFLICT (name, dimensions) DO UPDATE SET name = excluded.name RETURNING model_id""",
        *(DEFAULT_MODEL, vectors.shape[1]),
    )
    return model_id, await read_seeds(owner, said, vectors), asked


async def _small(owner: Connection, seeds: Seeds, model_id: int, progress: Progress) -> Place:
    project, key = await _project(owner)
    user = Owner("small", SMALL, UserId(new_id()))
    await fill(owner, project, [user], seeds, model_id, progress)
    reach = Reach(project=project, users=[user.user])
    return Place(f"a project of {SMALL:,}", user.name, reach, SMALL, key)


async def _large(
    owner: Connection, seeds: Seeds, model_id: int, memories: int, progress: Progress
) -> list[Place]:
    project, key = await _project(owner)
    first = Owner("thousand", USER, UserId(new_id()))
    tenth = Owner("tenth", memories // 10, UserId(new_id()))
    left = memories - first.memories - tenth.memories
    others = [
        Owner(f"other-{start}", min(REST, left - start), UserId(new_id()))
        for start in range(0, left, REST)
    ]
    owners = [first, tenth, *others]
    await fill(owner, project, owners, seeds, model_id, progress)
    everyone = [one.user for one in owners]

    def place(name: str, user: str, users: list[UserId], count: int) -> Place:
        return Place(name, user, Reach(project=project, users=users), count, key)

    return [
        place(f"of {memories:,}: a user of {USER:,}", first.name, [first.user], USER),
        place(
            f"of {memories:,}: a user of {tenth.memories:,}",
            tenth.name,
            [tenth.user],
            tenth.memories,
        ),
        place(f"of {memories:,}: everyone", "*", everyone, memories),
    ]


async def _project(owner: Connection) -> tuple[ProjectId, str]:
    project = ProjectId(new_id())
    await owner.execute("INSERT INTO projects VALUES ($1, 'bench')", project)
    return project, await issue_key(owner, project, "bench", [Scope.ADMIN, Scope.MEMORY_READ])


async def _index(world: World, progress: Progress) -> float:
    """Seconds. `serve` may have begun by itself: then its work is waited for."""
    began = asyncio.get_running_loop().time()
    conn = await connected(world.postgres.owner_url)
    told = -1

    def tell(at: index.Progress) -> None:
        nonlocal told
        percent = round(100 * (at.share or 0))
        if percent // 5 != told // 5:
            told = percent
            progress(f"index: {at.phase}, {percent} %")

    for model in await index.list_models(conn):
        await _build(world, model, tell)
    await conn.close()
    return asyncio.get_running_loop().time() - began


async def _build(world: World, model: index.IndexedModel, tell: index.Tell) -> None:
    bytes_max = Config().vector_index_bytes_max
    while True:
        done = await index.build_index(world.postgres.owner_url, model, bytes_max, tell)
        if done != "built by another":
            return
        await asyncio.sleep(index.PROGRESS_SECONDS)


async def _share(database: Database, place: Place, asked: Asked, progress: Progress) -> list[float]:
    """Question by question: of the exact best, how much is found."""
    progress(f"comparing with all: {place.name}")
    shares = []
    for vector in asked.values():
        async with database.tenant(place.reach.project) as conn:
            exact = await queries.rank_by_vector(conn, place.reach, DEFAULT_MODEL, vector, BEST)
            found = await _nearest(conn, place, vector)
        best = {one.memory_id for one in exact[:BEST]}
        shares.append(len(best & {one.memory_id for one in found}) / len(best))
    return shares


def _nearest(conn: Connection, place: Place, vector: Vector) -> Awaitable[list[Any]]:
    large = place.large
    return nearest(conn, place.reach, DEFAULT_MODEL, vector, CANDIDATES_MIN, large=large)


async def _time(ways: dict[str, Way], options: Options, progress: Progress) -> dict[str, Samples]:
    return await interleave(ways, rounds=options.rounds, calls=options.calls, progress=progress)


def _arms(database: Database, places: list[Place], asked: Asked) -> dict[str, Way]:
    def way(place: Place) -> Way:
        turns = itertools.cycle(asked.values())

        async def search() -> None:
            async with database.tenant(place.reach.project) as conn:
                await _nearest(conn, place, next(turns))

        return timed(search)

    return {place.name: way(place) for place in places}


async def _wholes(
    world: World, places: list[Place], asked: Asked, stack: AsyncExitStack
) -> dict[str, Way]:
    return {place.name: await _whole(world, place, asked, stack) for place in places}


async def _whole(world: World, place: Place, asked: Asked, stack: AsyncExitStack) -> Way:
    rest = await open_rest(world, place.key)
    stack.callback(rest.close)
    turns = itertools.cycle(asked)

    async def ask() -> Any:
        reply = await rest.recall(next(turns), place.user, limit=BEST)
        assert reply.json()["usage"]["vectors"] == "used"

    return timed(ask)


# Reporting


def _findings(
    places: list[Place],
    shares: dict[str, list[float]],
    arms: dict[str, Samples],
    whole: dict[str, Samples],
    built: float,
) -> Findings:
    small, *large = [place.name for place in places]
    notes = [
        f"Postgres with shared_buffers {SHARED_BUFFERS}; the index was built in {built:,.0f} s.",
        f"Sentences of the data sets, turned away by noise to a cosine of 0.8 or more; "
        f"{len(next(iter(shares.values())))} questions of the data sets.",
    ]
    rows = [_row(place, shares[place.name], arms, whole) for place in places]
    claims: list[Claim] = []
    for name in large:
        share = spread([sum(shares[name]) / len(shares[name])])
        claims.append(at_least(f"{name}: of the exact best {BEST}", share, 0.95, "of them"))
        to_small = ratio(whole[name].medians(), whole[small].medians())
        claims.append(at_most(f"{name}: recall over HTTP, to {small}", to_small, 2.0))
    return Findings("million", [Table("Recall in a large project", rows, notes)], claims)


def _row(
    place: Place, shares: list[float], arms: dict[str, Samples], whole: dict[str, Samples]
) -> dict[str, Any]:
    return {
        "where": place.name,
        "by": "the index" if place.large else "looking through",
        "share_of_exact": sum(shares) / len(shares),
        "arm_p50_ms": percentile(arms[place.name].totals, 50),
        "arm_p95_ms": percentile(arms[place.name].totals, 95),
        "recall_p50_ms": percentile(whole[place.name].totals, 50),
        "recall_p95_ms": percentile(whole[place.name].totals, 95),
    }
