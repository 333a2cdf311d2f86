"""Ids for what has none of ours: the same for the same names, so that importing twice is once."""

from datetime import datetime
from hashlib import blake2b
from uuid import UUID

_VERSION, _VERSION_MASK = 0x7 << 76, 0xF << 76
_VARIANT, _VARIANT_MASK = 0x2 << 62, 0x3 << 62
_LOWEST = 2**32 - 1


def id_beside(taken: UUID, *names: str) -> UUID:
    """Another UUIDv7 that sorts among others as this one does: only its last 32 bits differ, which
    do not count those of one millisecond."""
    return UUID(int=taken.int & ~_LOWEST | _hash(4, names))


def id_named(when: datetime, *names: str) -> UUID:
    """A UUIDv7 of this time; what was before 1970 is of its first millisecond."""
    milliseconds = max(int(when.timestamp() * 1000), 0)
    value = (milliseconds << 80 | _hash(10, names)) & ~_VERSION_MASK | _VERSION
    return UUID(int=value & ~_VARIANT_MASK | _VARIANT)


def _hash(size: int, names: tuple[str, ...]) -> int:
    return int.from_bytes(blake2b("\x00".join(names).encode(), digest_size=size).digest())
