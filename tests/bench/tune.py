"""Fits the weights of recall's ranking and confidence, as they stand in `app/recall/score.py`.

Candidates come from the service's own code, run in this process against the bench's database. What
is printed as found out of fold was fitted without the conversation that it is measured on.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg
import numpy as np

from app.config import Config
from app.db.database import Database, open_database
from app.embeddings.types import Embedder
from app.ids import ProjectId, UserId
from app.recall.features import features
from app.recall.recall import Seen, look
from app.recall.score import CONFIDENCE, WEIGHTS, evidence
from app.recall.types import Asked, Reach
from tests.bench.controls import turn_of
from tests.bench.dataset import Conversation, Question, read_conversations
from tests.bench.evidence import others, remember_conversation, user_of
from tests.bench.fitting import Floats, Sample, coverage, fit_logistic, fit_ranking
from tests.bench.measure import Progress
from tests.bench.options import Options
from tests.bench.report import Findings, Table
from tests.bench.world import World

EMBED_SECONDS_MAX = 10.0
FOLDS = 5
CUTS = (10, 20)
OWNERS = "SELECT external_id, project_id, user_id FROM users"
TURNS = "SELECT memory_id, external_id FROM memories WHERE external_id IS NOT NULL"


async def run(world: World, options: Options, progress: Progress) -> Findings:
    data = {path.name: read_conversations(path) for path in options.data}
    for name, conversations in data.items():
        for conversation in conversations:
            progress(f"remembering {name}, {conversation.id}")
            await remember_conversation(world, name, conversation)
    progress(f"all is embedded {await world.until_idle():.0f} s later")
    gathered = await _gather(world, data, progress)
    samples, signs, answered = gathered.samples, np.array(gathered.signs), gathered.answered
    progress("fitting")
    return Findings("tune", [_ranking(samples), _confidence(signs, np.array(answered))])


class _Gathered:
    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.signs: list[list[float]] = []
        self.answered: list[float] = []

    def note(self, seen: Seen, answered: bool) -> None:
        if len(seen.pool) and not seen.question.anything:
            self.signs.append([1.0, *evidence(seen.pool).values()])
            self.answered.append(float(answered))


async def _gather(
    world: World, data: dict[str, list[Conversation]], progress: Progress
) -> _Gathered:
    conn = await asyncpg.connect(world.postgres.superuser_url)
    owners = {row[0]: (row[1], row[2]) for row in await conn.fetch(OWNERS)}
    turns = {row[0]: turn_of(row[1]) for row in await conn.fetch(TURNS)}
    await conn.close()
    gathered, embedder = _Gathered(), world.embedder()
    async with open_database(world.postgres.service_url, Config(database_pool_max=2)) as database:
        for name, conversations in data.items():
            for mine, other in zip(conversations, others(conversations), strict=True):
                progress(f"asking {name}, {mine.id}")
                project, user = owners[user_of(name, mine)]
                reach = Reach(project=ProjectId(project), users=[UserId(user)])
                for question in mine.questions:
                    seen = await _look(database, embedder, reach, question)
                    gathered.samples.append(_sample(name, mine, question, seen, turns))
                    gathered.note(seen, answered=True)
                for question in other.questions:
                    gathered.note(await _look(database, embedder, reach, question), answered=False)
    await embedder.close()
    return gathered


async def _look(database: Database, embedder: Embedder, reach: Reach, question: Question) -> Seen:
    asked = Asked(query=question.question)
    return await look(
        database,
        embedder,
        reach,
        asked,
        embed_seconds_max=EMBED_SECONDS_MAX,
        exact_max=Config().recall_exact_max,
    )


def _sample(
    name: str, conversation: Conversation, question: Question, seen: Seen, turns: dict[Any, str]
) -> Sample:
    """Of a turn in parts the first that is there stands for it."""
    rows = {turns[memory_id]: row for row, memory_id in reversed(list(enumerate(seen.pool.ids)))}
    wanted = set(question.evidence)
    columns = features(seen.pool, seen.question)
    return Sample(
        dataset=name,
        conversation=conversation.id,
        category=question.category,
        columns=np.stack([columns[feature] for feature in WEIGHTS], axis=1),
        evidence=[rows[turn] for turn in wanted if turn in rows],
        wanted=len(wanted),
    )


def _ranking(samples: Sequence[Sample]) -> Table:
    fitted = fit_ranking(samples)
    rows = [
        {"feature": name, "weight": round(float(weight), 2), "now": WEIGHTS[name]}
        for name, weight in zip(WEIGHTS, fitted, strict=True)
    ]
    return Table("Weights of features", rows, _out_of_fold(samples))


def _out_of_fold(samples: Sequence[Sample]) -> list[str]:
    talks = list(dict.fromkeys(sample.conversation for sample in samples))
    fold = {talk: place % FOLDS for place, talk in enumerate(talks)}
    found: dict[str, list[list[float]]] = {}
    for left_out in range(FOLDS):
        weights = fit_ranking([one for one in samples if fold[one.conversation] != left_out])
        for one in samples:
            if fold[one.conversation] == left_out:
                shares = [coverage(one, weights, k) for k in CUTS]
                found.setdefault(one.dataset, []).append(shares)
    return [
        f"Out of fold, {name}: coverage@{k} {np.mean([row[place] for row in rows]):.3f}"
        for name, rows in found.items()
        for place, k in enumerate(CUTS)
    ]


def _confidence(signs: Floats, answered: Floats) -> Table:
    fitted = fit_logistic(signs, answered)
    rows = [
        {"sign": name, "weight": round(float(weight), 2), "now": CONFIDENCE[name]}
        for name, weight in zip(CONFIDENCE, fitted, strict=True)
    ]
    return Table("Weights of confidence", rows)
