"""A stored memory as the API shows it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.ids import UserId, id_text
from app.memory.types import Memory, Source, StoredMemory

SOURCE_PREFIX = {"item": "msg", "turn": "resp", "document": "doc", "memory": "mem"}


def shown(memory: StoredMemory, names: Mapping[UserId, str]) -> Memory:
    return Memory(
        id=id_text("mem", memory.memory_id),
        kind=memory.kind,
        content=memory.content,
        user=names.get(memory.user_id),
        speaker=memory.speaker,
        conversation=id_text("conv", memory.conversation_id) if memory.conversation_id else None,
        episode=memory.episode,
        external_id=memory.external_id,
        occurred_at=memory.occurred_at,
        valid_from=memory.valid_from,
        valid_to=memory.valid_to,
        created_at=memory.created_at,
        superseded_at=memory.superseded_at,
        superseded_by=id_text("mem", memory.superseded_by) if memory.superseded_by else None,
        expires_at=memory.expires_at,
        confidence=memory.confidence,
        trust=memory.trust,
        sources=[_source(source) for source in memory.sources],
        metadata=memory.metadata,
        version=memory.version,
        uses=memory.uses,
        used_at=memory.used_at,
        **memory.fact or {},
    )


def _source(source: Mapping[str, Any]) -> Source:
    kind = source["type"]
    return Source(type=kind, id=id_text(SOURCE_PREFIX[kind], UUID(source["id"])))
