"""What is known of a user: what they state that goes on holding, and facts that hold now."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from app.config import Config
from app.db.sql import Connection
from app.ids import MemoryId
from app.memory.read import read_current, read_memories, read_standing
from app.memory.standing import Statement, standing_of
from app.memory.types import Standing, StandingMemory, StoredMemory
from app.summaries.about import About
from app.summaries.entries import Told, by_section, holding, said_by_user, section_of
from app.summaries.types import Section

CLASSES: tuple[Standing, ...] = ("instruction", "preference", "identity")
FACTS_READ_MAX = 200
STANDING_READ_MAX = 200
"""Of each class; newer ones come first, and most are left out for them."""


class Known(msgspec.Struct, frozen=True):
    sections: dict[Section, list[Told]]
    memories: Mapping[MemoryId, StoredMemory]

    @property
    def told(self) -> list[Told]:
        return [one for section in self.sections.values() for one in section]


async def known_of(conn: Connection, config: Config, about: About, name: str) -> Known:
    """What holds of a user now, at most so many things of a sort."""
    project, user = about.project, about.user
    facts = await read_current(conn, project, user, "fact", FACTS_READ_MAX)
    standing = [
        memory
        for standing in CLASSES
        for memory in await read_standing(conn, project, user, standing, STANDING_READ_MAX)
        if memory.kind != "fact"
    ]
    told = [*_from_facts(facts), *_from_statements(standing, facts)]
    now = datetime.now(UTC)
    held = holding(said_by_user(told, name), now, config.profile_current_days)
    sections = by_section(held, config.profile_entries_max)
    ids = [one.memory_id for section in sections.values() for one in section]
    return Known(sections, await read_memories(conn, project, ids))


async def instructions_of(conn: Connection, about: About, name: str, most: int) -> list[Told]:
    """What a user asked for that goes on holding, those said last first."""
    memories = await read_standing(
        conn, about.project, about.user, "instruction", STANDING_READ_MAX
    )
    told = [one for one in _from_statements(memories, []) if section_of(one) == "instructions"]
    return holding(said_by_user(told, name), datetime.now(UTC), current_days=0)[:most]


def _from_facts(facts: Sequence[StoredMemory]) -> list[Told]:
    """A fact that states nothing that the rules know is something stable."""
    return [
        Told(
            statement=statement,
            memory_id=fact.memory_id,
            kind="fact",
            speaker=fact.speaker,
            occurred_at=fact.occurred_at,
            since=fact.valid_from or fact.occurred_at,
            confidence=fact.confidence,
        )
        for fact in facts
        for statement in [_statement_of(fact)]
    ]


def _statement_of(fact: StoredMemory) -> Statement:
    """Facts replace each other by themselves: no slot."""
    found = standing_of("fact", fact.speaker, fact.trust, fact.content)
    return Statement(found[0].standing if found else "identity", fact.content)


def _from_statements(
    memories: Sequence[StandingMemory], facts: Sequence[StoredMemory]
) -> list[Told]:
    """But for who someone is, where a fact was made of the same memory: it says it better."""
    read = {MemoryId(source) for fact in facts for source in _memory_sources(fact)}
    return [
        Told(
            statement=statement,
            memory_id=memory.memory_id,
            kind=memory.kind,
            speaker=memory.speaker,
            occurred_at=memory.occurred_at,
            since=memory.occurred_at,
        )
        for memory in memories
        for line in memory.said.splitlines()
        for statement in standing_of(memory.kind, memory.speaker, "user", line)
        if statement.standing != "identity" or memory.memory_id not in read
    ]


def _memory_sources(fact: StoredMemory) -> list[UUID]:
    return [UUID(source["id"]) for source in fact.sources if source["type"] == "memory"]
