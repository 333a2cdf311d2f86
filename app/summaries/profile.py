"""Who a user is in short: what they state that goes on holding, and facts. No language model."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from app.config import Config
from app.db.database import Database
from app.db.sql import Connection
from app.ids import PROJECT_ITSELF, MemoryId, ProjectId, UserId, id_text
from app.memory.read import read_current, read_memories, read_standing
from app.memory.show import shown
from app.memory.standing import Statement, standing_of
from app.memory.types import Standing, StandingMemory, StoredMemory
from app.summaries.context import profile_text
from app.summaries.entries import Told, by_section, holding, said_by_user
from app.summaries.types import Entry, Profile, ProfileUsage, Section
from app.web.principal import Caller

CLASSES: tuple[Standing, ...] = ("instruction", "preference", "identity")
FACTS_READ_MAX = 200
STANDING_READ_MAX = 200
"""Of each class; newer ones come first, and most are left out for them."""


class Known(msgspec.Struct, frozen=True):
    """What is known of a user, before it is shown."""

    sections: dict[Section, list[Told]]
    memories: Mapping[MemoryId, StoredMemory]


async def get_profile(
    database: Database, config: Config, caller: Caller, name: str, token_budget: int
) -> Profile:
    async with database.tenant(caller.project) as conn:
        known = await known_of(conn, config, caller.project, caller.user or PROJECT_ITSELF, name)
    sections = {
        section: [_entry(one, known.memories) for one in told]
        for section, told in known.sections.items()
    }
    text = profile_text(sections, None, token_budget)
    return Profile(
        user=name,
        instructions=sections["instructions"],
        preferences=sections["preferences"],
        stable=sections["stable"],
        current=sections["current"],
        summary=None,
        updated_at=_updated_at(known.memories.values()),
        context=text.text,
        usage=ProfileUsage(context_tokens=text.tokens, left_out=text.left_out),
    )


async def known_of(
    conn: Connection, config: Config, project: ProjectId, user: UserId, name: str
) -> Known:
    """What holds of a user now, at most so many things of a sort."""
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


def _entry(told: Told, memories: Mapping[MemoryId, StoredMemory]) -> Entry:
    return Entry(
        text=told.statement.said,
        memory=id_text("mem", told.memory_id),
        kind=told.kind,
        speaker=told.speaker,
        sources=shown(memories[told.memory_id], {}).sources,
        since=told.since,
        occurred_at=told.occurred_at,
        confidence=told.confidence,
    )


def _updated_at(memories: Iterable[StoredMemory]) -> datetime | None:
    """When the last of them was remembered."""
    return max((memory.created_at for memory in memories), default=None)
