"""From the outbox: messages are read by the engine, and what they tell is kept as facts.

One call a batch reads, one more compares where that is needed; between them no connection is held.
What the engine says is proposed, no more: `verify` decides what is kept.
"""

import asyncio
from collections import Counter
from collections.abc import Container, Sequence
from typing import Any
from uuid import UUID

import msgspec

from app.config import Config
from app.db.crossed import again_if_crossed
from app.db.database import Database
from app.db.sql import Connection
from app.embeddings.types import Embedder
from app.errors import EngineTimeout, Unavailable
from app.facts import queries
from app.facts.ask import Asking
from app.facts.compare import Comparing, Decided
from app.facts.keep import Keeper
from app.facts.types import Fact, Message
from app.facts.verify import verify
from app.ids import PROJECT_ITSELF, MemoryId
from app.jobs.outbox import done, enqueue
from app.jobs.runner import JobRunner
from app.jobs.types import Handler, Job
from app.memory.marks import Marks
from app.memory.restore import hold_scopes
from app.memory.types import Told
from app.settings.read import SettingsReader

ROUNDS_MAX = 3
"""How often all is decided anew, because others have written meanwhile."""
SPARE_SECONDS = 10.0


class Payload(msgspec.Struct):
    """Of a job: messages, the first of them from character `start` on."""

    memories: list[str]
    start: int = 0
    model: str | None = None

    @property
    def ids(self) -> list[MemoryId]:
        return [MemoryId(UUID(hex=text)) for text in self.memories]


class Read(msgspec.Struct, frozen=True):
    """What a job has come to, before it is kept."""

    messages: Sequence[Message]
    decided: Decided
    counts: Counter[str]
    rest: dict[str, Any] | None


class FactMaker:
    def __init__(
        self,
        config: Config,
        database: Database,
        embedder: Embedder,
        settings: SettingsReader,
        asking: Asking,
        jobs: JobRunner,
        marks: Marks,
        secret: bytes,
    ) -> None:
        self._config = config
        self._database = database
        self._embedder = embedder
        self._settings = settings
        self._asking = asking
        self._jobs = jobs
        self._marks = marks
        self._secret = secret
        self._seconds_max = 3 * config.facts_timeout_seconds

    @property
    def lease_seconds(self) -> float:
        return self._seconds_max + SPARE_SECONDS

    @property
    def handler(self) -> Handler:
        async def handle(jobs: Sequence[Job]) -> None:
            for job in jobs:
                await self._within_its_lease(job)
            self._jobs.wake("embed_memories")

        return handle

    async def _within_its_lease(self, job: Job) -> None:
        try:
            async with asyncio.timeout(self._seconds_max):
                await self._work(job)
        except TimeoutError:
            raise EngineTimeout("Reading and comparing took too long altogether.") from None

    async def _work(self, job: Job) -> None:
        """Where facts are off by now, or the messages are gone, there is nothing to do."""
        payload = msgspec.convert(job.payload, Payload)
        owner = None if job.user_id == PROJECT_ITSELF else job.user_id
        settings = await self._settings.read(job.project_id, owner)
        async with self._database.tenant(job.project_id) as conn:
            messages = await queries.list_messages(conn, job.project_id, job.user_id, payload.ids)
            if settings.facts == "off" or not messages:
                await done(conn, job)
                return
        model = await self._asking.model(settings.facts_model or payload.model, job.project_id)
        await self._read(job, model, messages, payload)

    async def _read(
        self, job: Job, model: str, messages: Sequence[Message], payload: Payload
    ) -> None:
        start = payload.start if messages[0].memory_id == payload.ids[0] else 0
        shown, proposed = await self._asking.propose(job, model, messages, start)
        taken = proposed[: self._config.facts_per_call_max]
        verified = await verify(
            self._database, self._embedder, job.project_id, shown.passages, taken
        )
        counts = Counter(f"refused:{reason}" for reason in verified.refused)
        counts["refused:too_many"] = len(proposed) - len(taken)
        counts["messages"] = len({passage.message.memory_id for passage in shown.passages})
        comparing = Comparing(self._database, self._embedder, job.project_id, job.user_id)
        for _ in range(ROUNDS_MAX):
            facts = await self._unforgotten(job, verified.facts)
            counts["refused:forgotten"] = len(verified.facts) - len(facts)
            decided = await comparing.decide(
                facts, lambda pairs: self._asking.compare(job, model, pairs)
            )
            rest = shown.rest and {**shown.rest, "model": payload.model}
            if await self._keep(job, comparing, Read(messages, decided, counts, rest)):
                return
        raise Unavailable("Others write facts of this user all the time.")

    async def _unforgotten(self, job: Job, facts: Sequence[Fact]) -> list[Fact]:
        """Without what was forgotten of the same messages. Who forgets it from here on changes
        what is near."""
        told = {one for fact in facts for one in _told_by(fact)}
        async with self._database.tenant(job.project_id) as conn:
            forgotten = await self._marks.find_told(conn, job.project_id, job.user_id, told)
        left = [_without(fact, forgotten) for fact in facts]
        return [fact for fact in left if fact.sources]

    @again_if_crossed
    async def _keep(self, job: Job, comparing: Comparing, read: Read) -> bool:
        """False where other facts are near by now than the decisions rest on."""
        keeper = Keeper(self._secret, job.project_id, job.user_id)
        async with self._database.tenant(job.project_id) as conn:
            await hold_scopes(conn, job.project_id, [job.user_id])
            await self._check_sources(conn, job, read.messages)
            facts = [decision.fact for decision in read.decided.decisions]
            if await comparing.near(conn, facts) != read.decided.near:
                return False
            counts = read.counts + await keeper.keep(conn, read.decided.decisions)
            await queries.add_counts(conn, job.project_id, job.user_id, +counts)
            if read.rest:
                await enqueue(
                    conn, job.project_id, job.topic, job.user_id, job.subject_id, read.rest
                )
            await done(conn, job)
        return True

    async def _check_sources(self, conn: Connection, job: Job, messages: Sequence[Message]) -> None:
        """What was forgotten or changed meanwhile supports nothing. Raises Unavailable: all is
        read anew, as it is by then."""
        ids = [message.memory_id for message in messages]
        now = await queries.list_messages(conn, job.project_id, job.user_id, ids)
        if [(m.memory_id, m.version) for m in now] != [(m.memory_id, m.version) for m in messages]:
            raise Unavailable("A message that was read has changed meanwhile.")


def _told_by(fact: Fact) -> list[Told]:
    return [Told(source.memory_id, fact.proposed.text) for source in fact.sources]


def _without(fact: Fact, forgotten: Container[Told]) -> Fact:
    pairs = zip(fact.sources, _told_by(fact), strict=True)
    return msgspec.structs.replace(fact, sources=[s for s, told in pairs if told not in forgotten])
