"""Recall over HTTP at 10,000 memories of a user, against its embedding and its SQL alone."""

import itertools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg

from app.config import Config
from app.embeddings.process_embedder import ProcessEmbedder
from app.identity.users import Users
from app.ids import ProjectId, UserId
from app.recall.recall import recall
from app.recall.types import Asked, Reach
from tests.bench.measure import (
    Progress,
    Samples,
    Timing,
    Way,
    interleave,
    percentile,
    ratio,
    timed,
    total,
)
from tests.bench.memories import Rest, open_rest
from tests.bench.options import Options
from tests.bench.recorded_sql import Call, RecordingDatabase, open_recording_database
from tests.bench.report import Claim, Findings, Table, at_most
from tests.bench.texts import Texts
from tests.bench.world import World

USER = "bench-recall"
LIMIT = 10
EMBED_SECONDS_MAX = 10.0
RECALL, EMBEDDING, SQL = "recall over HTTP", "embedding the query alone", "its SQL alone"
QUESTIONS = 100
FIND_USER = "SELECT project_id, user_id FROM users WHERE external_id = $1"


async def run(world: World, options: Options, progress: Progress) -> Findings:
    texts = Texts(options.data)
    async with AsyncExitStack() as stack:
        rest = await open_rest(world)
        stack.callback(rest.close)
        await _fill(world, rest, texts, options, progress)
        embedder = world.embedder()
        stack.push_async_callback(embedder.close)
        url = world.postgres.service_url
        database = await stack.enter_async_context(open_recording_database(url))
        reach = await _reach(world)
        recorded = {
            question: await _record(database, embedder, reach, question)
            for question in texts.questions(QUESTIONS)
        }
        ways = _ways(rest, database, embedder, reach.project, recorded)
        samples = await interleave(
            ways, rounds=options.rounds, calls=options.calls, progress=progress
        )
    statements = len(next(iter(recorded.values())))
    table = _table(samples, f"{texts.source}; {statements} statements a recall")
    return Findings("recall", [table], [_claim(samples, options)])


async def _fill(
    world: World, rest: Rest, texts: Texts, options: Options, progress: Progress
) -> None:
    progress(f"remembering {options.memories:,} memories: {texts.source}")
    said = [{"content": text} for text in texts.sentences(options.memories)]
    await rest.remember(said, USER)
    progress(f"all is embedded {await world.until_idle():.0f} s later")
    conn = await asyncpg.connect(world.postgres.superuser_url)
    await conn.execute("VACUUM ANALYZE")  # as autovacuum would have done, but not in between
    await conn.close()


async def _reach(world: World) -> Reach:
    conn = await asyncpg.connect(world.postgres.superuser_url)
    found = await conn.fetchrow(FIND_USER, USER)
    await conn.close()
    assert found is not None
    return Reach(project=ProjectId(found["project_id"]), users=[UserId(found["user_id"])])


async def _record(
    database: RecordingDatabase, embedder: ProcessEmbedder, reach: Reach, question: str
) -> list[Call]:
    """The statements of this question's recall, by the service's code in this process."""
    database.begin()
    await recall(
        database,
        embedder,
        Users(database, ttl_seconds=60.0),
        reach,
        Asked(query=question, limit=LIMIT),
        embed_seconds_max=EMBED_SECONDS_MAX,
        exact_max=Config().recall_exact_max,
    )
    return database.calls


def _ways(
    rest: Rest,
    database: RecordingDatabase,
    embedder: ProcessEmbedder,
    project: ProjectId,
    recorded: dict[str, list[Call]],
) -> dict[str, Way]:
    """Each goes through the same questions, in the same order."""

    async def ask(question: str) -> Timing:
        reply = await rest.recall(question, USER, limit=LIMIT)
        return reply.timing

    def embed(question: str) -> Awaitable[Timing]:
        return timed(lambda: embedder.embed([question], "query"))()

    def read(question: str) -> Awaitable[Timing]:
        return timed(lambda: database.replay(project, recorded[question]))()

    questions = list(recorded)
    works = {RECALL: ask, EMBEDDING: embed, SQL: read}
    return {name: _over(questions, work) for name, work in works.items()}


def _over(questions: list[str], work: Callable[[str], Awaitable[Timing]]) -> Way:
    turns = itertools.cycle(questions)
    return lambda: work(next(turns))


def _table(samples: dict[str, Samples], note: str) -> Table:
    rows: list[dict[str, Any]] = [
        {
            "way": name,
            "p10_ms": percentile(sampled.totals, 10),
            "p50_ms": percentile(sampled.totals, 50),
            "p95_ms": percentile(sampled.totals, 95),
            "to_embedding_and_sql": _to_sum(samples) if name == RECALL else None,
        }
        for name, sampled in samples.items()
    ]
    return Table(f"Recall of {LIMIT}, one at a time", rows, [f"Of {note}."])


def _claim(samples: dict[str, Samples], options: Options) -> Claim:
    what = f"recall at {options.memories:,} memories, to embedding and SQL"
    return at_most(what, _to_sum(samples), 1.3)


def _to_sum(samples: dict[str, Samples]) -> Any:
    parts = (samples[EMBEDDING].medians(), samples[SQL].medians())
    return ratio(samples[RECALL].medians(), total(*parts))
