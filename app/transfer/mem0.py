"""Memories as mem0 gives them: `get_all()` of the library and the platform, and their exports."""

from typing import Any

import msgspec

from app.memory.bodies import Name, Time
from app.memory.types import Trust
from app.transfer.types import MemoryLine, Told
from app.web.body import convert

KEPT = ("agent_id", "app_id", "categories")
"""What we have no word for, and keep as metadata."""

SPEAKERS: dict[str | None, Trust] = {"user": "user", "assistant": "assistant"}


class Mem0Memory(msgspec.Struct, frozen=True):
    """What else they have (hash, score, structured attributes) is made from these."""

    id: Name
    memory: str
    metadata: dict[str, Any] | None = None
    created_at: Time | None = None
    expiration_date: Time | None = None
    user_id: Name | None = None
    run_id: Name | None = None
    actor_id: Name | None = None
    role: str | None = None
    agent_id: str | None = None
    app_id: str | None = None
    categories: list[str] | None = None


def of_mem0(value: dict[str, Any]) -> Told:
    """Its id becomes the external id. With a role it is what was said (`infer=False`), without
    one what was made of it."""
    memory = convert(value, Mem0Memory)
    said = memory.role in SPEAKERS
    kept = {name: found for name in KEPT if (found := getattr(memory, name))}
    line = MemoryLine(
        content=memory.memory,
        kind="message" if said else "fact",
        trust=SPEAKERS.get(memory.role, "application"),
        speaker=memory.actor_id or (memory.role if said else None),
        user=memory.user_id,
        episode=memory.run_id,
        external_id=memory.id,
        occurred_at=memory.created_at,
        expires_at=memory.expiration_date,
        metadata={**kept, **(memory.metadata or {})},
    )
    return Told([line])
