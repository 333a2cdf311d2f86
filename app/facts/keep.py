"""Keeping what was decided, in one transaction with the end of its job.

The user's scope is locked first, as by all who write several memories; what others have written
meanwhile shows in what is near, and then all is decided anew.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

from app.db.sql import Connection
from app.facts import queries
from app.facts.consolidate import Decision
from app.facts.types import Fact, Outcome
from app.ids import MemoryId, ProjectId, UserId
from app.memory.marks import plain_text
from app.memory.remember import remember
from app.memory.trust import lowest_trust
from app.memory.types import FactDetails, NewMemory, SourceKey
from app.memory.versions import keep_versions

KEY_BYTES = 32
SIGHTING = 0.8
"""What one sighting with full support is worth: two such make 0.96."""


class Keeper:
    """`secret` keys what statements are known again by."""

    def __init__(self, secret: bytes, project: ProjectId, user: UserId) -> None:
        self._secret = secret
        self._project = project
        self._user = user

    async def keep(self, conn: Connection, decisions: Sequence[Decision]) -> Counter[str]:
        """The caller has held the scope, and knows that all sources are there. What became of
        them, counted; after the commit, wake `embed_memories`."""
        counts: Counter[str] = Counter()
        for decision in decisions:
            counts[await self._keep(conn, decision)] += 1
        return counts

    async def _keep(self, conn: Connection, decision: Decision) -> Outcome:
        fact = decision.fact
        if decision.strengthens:
            return await self._strengthen(conn, decision.strengthens, fact)
        key = None if decision.successor else self._key(fact)
        if key and (known := await queries.find_statement(conn, self._project, self._user, key)):
            if plain_text(known.content) != plain_text(fact.proposed.text):
                return "corrected"
            return await self._strengthen(conn, known.memory_id, fact)
        await remember(conn, self._project, [self._memory(decision, key)])
        if decision.successor:
            await self._supersede(conn, decision.memory_id, *decision.successor)
            return "history"
        for memory_id in decision.supersedes:
            await self._supersede(conn, memory_id, decision.memory_id, fact.valid_from)
        return "superseding" if decision.supersedes else "stored"

    async def _strengthen(self, conn: Connection, memory_id: MemoryId, fact: Fact) -> Outcome:
        """Only what was not its source before speaks for it anew."""
        sources = [message.memory_id for message in fact.sources]
        if not await queries.add_sources(conn, self._project, memory_id, sources):
            return "known"
        await queries.strengthen(
            conn,
            self._project,
            memory_id,
            gained=confidence_in(fact),
            evidence=evidence_of(fact),
            trust=lowest_trust(message.trust for message in fact.sources),
            said_at=fact.said_at,
            valid_from=fact.valid_from,
        )
        return "strengthened"

    async def _supersede(
        self, conn: Connection, memory_id: MemoryId, superseded_by: MemoryId, began: datetime
    ) -> None:
        await keep_versions(conn, self._project, [memory_id], "superseded")
        await queries.supersede(conn, self._project, memory_id, superseded_by, began)

    def _memory(self, decision: Decision, key: bytes | None) -> NewMemory:
        fact, told = decision.fact, decision.fact.proposed
        return NewMemory(
            memory_id=decision.memory_id,
            user_id=self._user,
            kind="fact",
            content=told.text,
            language=fact.language,
            occurred_at=fact.said_at,
            valid_from=fact.valid_from,
            valid_to=fact.valid_to,
            confidence=round(confidence_in(fact), 3),
            trust=lowest_trust(message.trust for message in fact.sources),
            sources=tuple(SourceKey("memory", message.memory_id) for message in fact.sources),
            fact=FactDetails(
                subject=told.subject,
                about=fact.about,
                attribute=told.attribute,
                value=told.value,
                entities=told.entities,
                reason=f"Said once; {evidence_of(fact)}",
                statement_key=key,
            ),
        )

    def _key(self, fact: Fact) -> bytes:
        said = f"{fact.about}\x00{plain_text(fact.proposed.text)}"
        return blake2b(said.encode(), key=self._secret, digest_size=KEY_BYTES).digest()


def confidence_in(fact: Fact) -> float:
    """Of one sighting. Several are joined by a noisy-or, as of causes that work by themselves
    (Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, 4.3.2)."""
    return SIGHTING * fact.support


def evidence_of(fact: Fact) -> str:
    share = f"{fact.words:.0%} of its words were said"
    return f"{share}, and its vector has a cosine of {fact.cosine:.2f} to them."
