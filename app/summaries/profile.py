"""Who a user is in short, as the API shows it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from app.ids import MemoryId, id_text
from app.memory.show import shown
from app.memory.types import StoredMemory
from app.summaries.about import PROFILE, About
from app.summaries.context import profile_text
from app.summaries.entries import Told
from app.summaries.known import known_of
from app.summaries.parts import SummaryParts
from app.summaries.profile_summary import fresh_summary
from app.summaries.types import Entry, Profile, ProfileUsage
from app.web.principal import Caller


async def get_profile(parts: SummaryParts, caller: Caller, name: str, token_budget: int) -> Profile:
    about = About(caller.project, caller.owner, PROFILE)
    settings = await parts.settings.read(caller.project, caller.user)
    async with parts.database.tenant(caller.project) as conn:
        known = await known_of(conn, parts.config, about, name)
        summary = await fresh_summary(conn, about, known, settings)
    parts.jobs.wake("summarize")
    sections = {
        section: [_entry(one, known.memories) for one in told]
        for section, told in known.sections.items()
    }
    text = profile_text(sections, summary, token_budget)
    return Profile(
        user=name,
        instructions=sections["instructions"],
        preferences=sections["preferences"],
        stable=sections["stable"],
        current=sections["current"],
        summary=summary,
        updated_at=_updated_at(known.memories.values()),
        context=text.text,
        usage=ProfileUsage(context_tokens=text.tokens, left_out=text.left_out),
    )


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
