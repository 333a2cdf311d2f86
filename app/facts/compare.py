"""New facts beside those that are there: read, measured, and judged by the engine where needed."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from app.db.database import Database
from app.db.sql import Connection
from app.embeddings.types import Embedder, Vectors
from app.facts import queries
from app.facts.consolidate import Compared, Decision, as_known, candidates, decide
from app.facts.judge import PAIRS_MAX, Pair, Statement
from app.facts.types import Fact, Known, Near, Verdict
from app.facts.wording import terms_of, wording_of
from app.ids import MemoryId, ProjectId, UserId, new_id

NEAR_MAX = 8

Judge = Callable[[Sequence[Pair]], Awaitable[list[Verdict]]]
Neighbourhood = list[list[Near]]
"""For each new fact, those that are near."""


class Decided(msgspec.Struct, frozen=True):
    decisions: list[Decision]
    near: Neighbourhood
    """What the decisions rest on."""


class Comparing:
    def __init__(
        self, database: Database, embedder: Embedder, project: ProjectId, user: UserId
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._project = project
        self._user = user

    async def decide(self, facts: Sequence[Fact], judge: Judge) -> Decided:
        """No connection is held while the embedder or the engine works."""
        async with self._database.tenant(self._project) as conn:
            near = await self.near(conn, facts)
            terms = await self._terms(conn, facts, near)
        known = await self._known(facts, near, terms)
        begun = [Decision(fact=fact, memory_id=MemoryId(new_id())) for fact in facts]
        verdicts = await _judge(begun, known, judge)
        for number, decision in enumerate(begun):
            others = [*known[number], *_before(begun[:number], decision)]
            decide(number, decision, others, verdicts)
        return Decided(begun, near)

    async def near(self, conn: Connection, facts: Sequence[Fact]) -> Neighbourhood:
        model = self._embedder.model
        return [
            await queries.list_near(
                conn, self._project, self._user, fact.about, model, fact.vector, NEAR_MAX
            )
            for fact in facts
        ]

    async def _terms(
        self, conn: Connection, facts: Sequence[Fact], near: Neighbourhood
    ) -> list[list[frozenset[str]]]:
        """Of each near fact what it adds to the subject."""
        texts = [one.content for group in near for one in group]
        languages = [one.language for group in near for one in group]
        subjects = [fact.proposed.subject for fact in facts]
        languages += [fact.language for fact in facts]
        terms = iter(await terms_of(conn, [*texts, *subjects], languages))
        found = [[next(terms) for _ in group] for group in near]
        about = [next(terms) | {"user"} for _ in facts]
        return [[one - own for one in group] for group, own in zip(found, about, strict=True)]

    async def _known(
        self,
        facts: Sequence[Fact],
        near: Neighbourhood,
        terms: list[list[frozenset[str]]],
    ) -> list[list[Known]]:
        vectors = await self._embed({one.content for group in near for one in group})
        return [
            [
                Known(
                    near=one,
                    wording=wording_of(one.content, own),
                    vector=vectors[one.content],
                )
                for one, own in zip(group, owns, strict=True)
            ]
            for group, owns in zip(near, terms, strict=True)
        ]

    async def _embed(self, texts: set[str]) -> dict[str, Vectors]:
        if not texts:
            return {}
        ordered = sorted(texts)
        vectors = await self._embedder.embed(ordered, "document")
        return dict(zip(ordered, vectors, strict=True))


async def _judge(
    begun: Sequence[Decision], known: Sequence[Sequence[Known]], judge: Judge
) -> Compared:
    """The engine is asked once about all pairs; nothing is asked where there are none."""
    asked = [
        (number, one)
        for number, decision in enumerate(begun)
        for one in candidates(decision.fact, [*known[number], *_before(begun[:number], decision)])
    ][:PAIRS_MAX]
    if not asked:
        return {}
    verdicts = await judge([_pair(begun[number].fact, one) for number, one in asked])
    keys = [(number, one.near.memory_id) for number, one in asked]
    return dict(zip(keys, verdicts, strict=True))


def _before(earlier: Sequence[Decision], decision: Decision) -> list[Known]:
    """Facts of the same batch and subject that come to be stored."""
    return [
        as_known(other)
        for other in earlier
        if other.strengthens is None and other.fact.about == decision.fact.about
    ]


def _pair(fact: Fact, one: Known) -> Pair:
    return Pair(
        Statement(one.near.content, one.near.said_at.date().isoformat()),
        Statement(fact.proposed.text, fact.said_at.date().isoformat()),
    )
