"""Compacting a context: the oldest of it summarised, the newest kept word for word."""

from collections.abc import Sequence

import msgspec

from app.contexts.compacted import Compacted, is_summary
from app.contexts.shape import INSTRUCTING, loose_parts
from app.contexts.summarise import Summarising, summarise
from app.engine.types import Item

_encode = msgspec.json.Encoder(order="deterministic").encode


class Plan(msgspec.Struct, frozen=True):
    """What of a context is summarised, and what stands."""

    summarised: list[Item]
    instructions: list[Item]
    kept: list[Item]
    summarised_tokens: float


class Compaction(msgspec.Struct, frozen=True):
    compacted: Compacted
    usage: dict[str, int]


def plan_compaction(items: Sequence[Item], weights: Sequence[float], keep_tokens: float) -> Plan:
    """Kept are the newest turns that fit into `keep_tokens`, and what is never left out."""
    gone = _oldest(items, weights, keep_tokens)
    stays = [item for place, item in enumerate(items) if place not in gone]
    instructions = [item for item in stays if item.get("role") in INSTRUCTING]
    return Plan(
        summarised=[items[place] for place in sorted(gone)],
        instructions=_unique(instructions),
        kept=[item for item in stays if item.get("role") not in INSTRUCTING],
        summarised_tokens=sum(weights[place] for place in gone),
    )


async def compact(how: Summarising, plan: Plan) -> Compaction:
    """Raises EngineError."""
    if not plan.summarised:
        compacted = Compacted(instructions=plan.instructions, kept=plan.kept)
        return Compaction(compacted, {})
    summary = await summarise(how, plan.summarised)
    compacted = Compacted(summary=summary.text, instructions=plan.instructions, kept=plan.kept)
    return Compaction(compacted, summary.usage)


def _oldest(items: Sequence[Item], weights: Sequence[float], keep_tokens: float) -> set[int]:
    """An earlier summary is always summarised again: there is one, and it tells all."""
    loose = loose_parts(items)
    bound = set(range(len(items))) - {place for part in loose for place in part}
    left = keep_tokens - sum(
        weights[place] for place in bound if items[place].get("role") not in INSTRUCTING
    )
    parts = [part for part in loose if not is_summary(items[part[0]])]
    kept = 0
    for part in reversed(parts):
        left -= sum(weights[place] for place in part)
        if left < 0:
            break
        kept += 1
    gone = {place for part in parts[: len(parts) - kept] for place in part}
    if not gone:
        return gone
    return gone | {place for place, item in enumerate(items) if is_summary(item)}


def _unique(items: list[Item]) -> list[Item]:
    """A client may say the same instructions in every turn."""
    unique: dict[bytes, Item] = {}
    for item in items:
        unique.setdefault(_encode(item), item)
    return list(unique.values())
