"""From what a user said to a profile: each thing once, and newer over older of the same."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from app.ids import MemoryId
from app.memory.standing import Statement
from app.memory.types import Kind
from app.summaries.types import Section

OWN_SPEAKERS = frozenset({"user", "human", "me"})
"""Roles under which users speak for themselves."""

_WORDS = re.compile(r"\w+")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A statement, who made it, when, and in which memory."""

    statement: Statement
    memory_id: MemoryId
    kind: Kind
    speaker: str | None
    occurred_at: datetime
    since: datetime
    confidence: float | None = None

    @property
    def by(self) -> str | None:
        """None is the user; others are told apart by their names."""
        name = (self.speaker or "user").casefold()
        return None if name in OWN_SPEAKERS else name


def section_of(told: Told) -> Section:
    match told.statement.standing:
        case "instruction":
            return "instructions"
        case "preference":
            return "preferences"
        case "identity":
            return "current" if told.statement.passes else "stable"


def said_by_user(told: Iterable[Told], user: str) -> list[Told]:
    """Where the user speaks under their own name, what others say beside them is left out."""
    given = list(told)
    own = user.casefold()
    if not any(one.by == own for one in given):
        return given
    return [one for one in given if one.by in (None, own)]


def holding(told: Iterable[Told], now: datetime, current_days: int) -> list[Told]:
    """Each thing once, those said last first. Of what speaks of the same, the newest holds; what
    passes has passed after a while."""
    since = now - timedelta(days=current_days)
    newest = sorted(told, key=lambda one: (one.occurred_at, one.memory_id), reverse=True)
    slots: set[tuple[str | None, str]] = set()
    known: dict[tuple[str | None, str], int] = {}
    kept: list[Told] = []
    for one in newest:
        words = one.by, " ".join(_WORDS.findall(one.statement.said.casefold()))
        if words in known:
            place = known[words]
            kept[place] = msgspec.structs.replace(kept[place], since=one.since)
            continue
        slot = one.statement.slot or ""
        replaced = slot.removesuffix("?")
        if (one.by, replaced) in slots or (one.statement.passes and one.occurred_at < since):
            continue
        if slot and slot == replaced:
            slots.add((one.by, slot))
        known[words] = len(kept)
        kept.append(one)
    return kept


def by_section(told: Sequence[Told], most: int) -> dict[Section, list[Told]]:
    """So many of each; those said last first."""
    sections: dict[Section, list[Told]] = {
        "instructions": [],
        "preferences": [],
        "stable": [],
        "current": [],
    }
    for one in told:
        if len(section := sections[section_of(one)]) < most:
            section.append(one)
    return sections
