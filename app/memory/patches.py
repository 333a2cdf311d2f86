"""What a client wants changed of a memory, and what the memory is with it."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from app.config import Config
from app.memory.bodies import Name, Share, Time, bounded, check_depth, check_size, time_of
from app.memory.types import FOUND, Kind, NewMemory, StoredMemory


class MemoryPatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays; null takes away. `metadata` is a JSON merge patch (RFC 7396).
    `version` is the one that is meant: where it is not the current one any more, it is a 409."""

    content: str | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    speaker: Name | UnsetType | None = UNSET
    episode: Name | UnsetType | None = UNSET
    occurred_at: Time | UnsetType = UNSET
    valid_from: Time | UnsetType | None = UNSET
    valid_to: Time | UnsetType | None = UNSET
    expires_at: Time | UnsetType | None = UNSET
    confidence: Share | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    version: int | UnsetType = UNSET


TIMES = ("occurred_at", "valid_from", "valid_to", "expires_at")


def patched(stored: StoredMemory, patch: MemoryPatch, config: Config) -> NewMemory:
    """The memory as the patch wants it. Raises InvalidRequest or TooLarge."""
    values = {
        name: getattr(stored, name) for name in NewMemory.__struct_fields__ if name not in FOUND
    }
    for name, value in _given(patch).items():
        values[name] = time_of(value, name) if name in TIMES else value
    if patch.metadata is not UNSET:
        values["metadata"] = _merged_metadata(stored.metadata, patch.metadata)
    memory = NewMemory(**values)
    check_size(memory.content, memory.metadata, config.memory_bytes_max)
    return bounded(memory)


def _given(patch: MemoryPatch) -> dict[str, Any]:
    return {
        name: value
        for name in patch.__struct_fields__
        if name not in ("metadata", "version") and (value := getattr(patch, name)) is not UNSET
    }


def _merged_metadata(
    stored: dict[str, Any], patch: dict[str, Any] | UnsetType | None
) -> dict[str, Any]:
    if not patch:
        return {} if patch is None else stored
    check_depth(patch, "metadata")
    merged: dict[str, Any] = merge(stored, patch)
    return merged


def merge(value: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null takes away, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), change)
    return merged
