"""Remembering: acknowledged when durable, against the same rows by SQL; and how vectors follow."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import asyncpg

from app.config import Config
from app.db.database import Database, open_database
from app.ids import ProjectId, UserId
from app.jobs.outbox import enqueue_all
from app.jobs.types import Work
from app.memory.enqueue import EMBED_BATCH_MAX
from app.memory.queries import insert_memories
from app.memory.types import NewMemory
from app.memory.vectors.pieces import PIECE_TEXTS_MAX
from tests.bench.measure import (
    Progress,
    Ratio,
    Samples,
    Way,
    interleave,
    percentile,
    ratio,
    spread,
    timed,
)
from tests.bench.memories import Rest, open_rest
from tests.bench.options import Options
from tests.bench.report import Claim, Findings, Table, at_least, at_most
from tests.bench.texts import Texts
from tests.bench.world import World

USER = "bench-remember"
SIZES = (1, 100)
BATCH = PIECE_TEXTS_MAX
"""Texts that the embedder is given at once, as the service does."""

OURS, BARE = "POST /v1/memories", "the same rows by SQL"
ACKNOWLEDGED_MS_MAX = 10
VECTORS_IN = """
    SELECT count(*) FROM memory_vectors v JOIN memories m USING (project_id, memory_id)
    WHERE m.episode = $1
"""


async def run(world: World, options: Options, progress: Progress) -> Findings:
    texts = Texts(options.data)
    async with AsyncExitStack() as stack:
        rest = await open_rest(world)
        stack.callback(rest.close)
        await rest.remember([{"content": "The first one makes the user."}], USER)
        url = world.postgres.service_url
        database = await stack.enter_async_context(open_database(url, Config(database_pool_max=1)))
        project, user = await _owner(world)
        samples: dict[str, Samples] = {}
        for size in SIZES:
            progress(f"{size} at a time")
            ways = _ways(rest, database, project, user, texts, size)
            calls = max(5, options.calls // size)
            samples |= await interleave(ways, rounds=options.rounds, calls=calls, progress=progress)
            await world.until_idle()
        ours, alone = await _vectors(world, rest, texts, options, progress)
    return Findings(
        "remember",
        [_acknowledged_table(samples), _vectors_table(ours, alone, texts)],
        [*_acknowledged_claims(samples), _vectors_claim(ours, alone)],
    )


async def _owner(world: World) -> tuple[ProjectId, UserId]:
    conn = await asyncpg.connect(world.postgres.superuser_url)
    found = await conn.fetchrow(
        "SELECT project_id, user_id FROM users WHERE external_id = $1", USER
    )
    await conn.close()
    assert found is not None
    return ProjectId(found["project_id"]), UserId(found["user_id"])


def _ways(
    rest: Rest, database: Database, project: ProjectId, user: UserId, texts: Texts, size: int
) -> dict[str, Way]:
    """Both make work for the embedder, which goes on beside both."""

    async def over_http() -> None:
        await rest.remember([{"content": text} for text in texts.sentences(size)], USER)

    async def by_sql() -> None:
        memories = [_memory(user, text) for text in texts.sentences(size)]
        async with database.tenant(project) as conn:
            await insert_memories(conn, project, memories)
            ids = [memory.memory_id.hex for memory in memories]
            starts = range(0, size, EMBED_BATCH_MAX)
            batches = [ids[start : start + EMBED_BATCH_MAX] for start in starts]
            works = [Work(user, None, {"memories": batch}) for batch in batches]
            await enqueue_all(conn, project, "embed_memories", works)

    return {f"{OURS}, {size}": timed(over_http), f"{BARE}, {size}": timed(by_sql)}


def _memory(user: UserId, text: str) -> NewMemory:
    return NewMemory(
        user_id=user,
        kind="note",
        language="english",
        content=text,
        occurred_at=datetime.now(UTC),
        trust="application",
    )


async def _vectors(
    world: World, rest: Rest, texts: Texts, options: Options, progress: Progress
) -> tuple[list[float], list[float]]:
    """Vectors a second, round by round: remembered and embedded; embedded alone."""
    count = 200 if options.quick else 500
    ours, alone = [], []
    for round_ in range(options.rounds):
        progress(f"vectors, round {round_ + 1} of {options.rounds}")
        episode = f"round {round_}"
        ours.append(await _remembered_a_second(world, rest, texts.sentences(count), episode))
        alone.append(await _embedded_a_second(world, _with_windows(texts.sentences(count))))
    return ours, alone


async def _remembered_a_second(
    world: World, rest: Rest, texts: Sequence[str], episode: str
) -> float:
    """A text has two vectors: its own, and that of its window."""
    began = time.perf_counter()
    await rest.remember([{"content": text, "episode": episode} for text in texts], USER)
    await world.until_idle()
    seconds = time.perf_counter() - began
    made = await _vectors_in(world, episode)
    assert made == 2 * len(texts), f"{made} vectors of {len(texts)} texts"
    return made / seconds


async def _vectors_in(world: World, episode: str) -> int:
    conn = await asyncpg.connect(world.postgres.superuser_url)
    found: int = await conn.fetchval(VECTORS_IN, episode)
    await conn.close()
    return found


def _with_windows(texts: Sequence[str]) -> list[str]:
    """What the service embeds of these, said one after another."""
    windows = ["\n".join(texts[max(n - 1, 0) : n + 2]) for n in range(len(texts))]
    return [text for pair in zip(texts, windows, strict=True) for text in pair]


async def _embedded_a_second(world: World, texts: Sequence[str]) -> float:
    """Two requests in flight, as the service has, so that the embedder never waits for us."""
    embedder = world.embedder()
    batches = iter([texts[start : start + BATCH] for start in range(0, len(texts), BATCH)])

    async def embed_rest() -> None:
        for batch in batches:
            await embedder.embed(batch, "document")

    try:
        await embedder.embed(texts[:1], "document")
        began = time.perf_counter()
        await asyncio.gather(embed_rest(), embed_rest())
        return len(texts) / (time.perf_counter() - began)
    finally:
        await embedder.close()


# Reporting


def _acknowledged_table(samples: dict[str, Samples]) -> Table:
    rows = [
        {
            "way, memories a call": name,
            "p10_ms": percentile(sampled.totals, 10),
            "p50_ms": percentile(sampled.totals, 50),
            "p95_ms": percentile(sampled.totals, 95),
            "to_sql": _to_sql(samples, name) if name.startswith(OURS) else None,
        }
        for name, sampled in samples.items()
    ]
    note = "Durable and found by words when answered; the embedder works beside both."
    return Table("Remembering", rows, [note])


def _to_sql(samples: dict[str, Samples], name: str) -> Ratio:
    return ratio(samples[name].medians(), samples[name.replace(OURS, BARE)].medians())


def _vectors_table(ours: list[float], alone: list[float], texts: Texts) -> Table:
    rows = [
        {"way": "remembered, all vectors there", "vectors_per_s": spread(ours)},
        {"way": "the embedder alone", "vectors_per_s": spread(alone)},
    ]
    return Table("Vectors", rows, [f"Of {texts.source}, each with its window, {BATCH} a batch."])


def _acknowledged_claims(samples: dict[str, Samples]) -> list[Claim]:
    one = f"{OURS}, 1"
    acknowledged = spread(samples[one].medians())
    return [
        at_most("remembering one, to acknowledge", acknowledged, ACKNOWLEDGED_MS_MAX, "ms"),
        *(
            Claim(
                f"remembering {size}, to the same rows by SQL", _to_sql(samples, name), "times", ""
            )
            for size in SIZES
            if (name := f"{OURS}, {size}")
        ),
    ]


def _vectors_claim(ours: list[float], alone: list[float]) -> Claim:
    return at_least("vectors a second, to the embedder's own", ratio(ours, alone), 0.9)
