"""Ids: UUIDv7 inside, prefixed text outside.

A UUIDv7 begins with its time in milliseconds, so ids sort by creation and tell it.
"""

from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

from uuid_utils.compat import uuid7

ProjectId = NewType("ProjectId", UUID)
UserId = NewType("UserId", UUID)
KeyId = NewType("KeyId", UUID)
SessionId = NewType("SessionId", UUID)
ResponseId = NewType("ResponseId", UUID)
TurnId = NewType("TurnId", UUID)
BranchId = NewType("BranchId", UUID)
ItemId = NewType("ItemId", UUID)
ConversationId = NewType("ConversationId", UUID)
MemoryId = NewType("MemoryId", UUID)
RequestId = NewType("RequestId", UUID)
FileId = NewType("FileId", UUID)

PROJECT_ITSELF = UserId(UUID(int=0))
"""The user id of rows that belong to no user: the project's own data."""


YEAR_9000_MS = 221_845_392_000_000


def new_id() -> UUID:
    return uuid7()


def id_text(prefix: str, value: UUID) -> str:
    """`resp` and a UUID as `resp_0199…` (32 hex digits)."""
    return f"{id_start(prefix)}{value.hex}"


def id_start(prefix: str) -> str:
    """What an id begins with: OpenAI writes its files' ids with a hyphen."""
    return "file-" if prefix == "file" else f"{prefix}_"


def parse_id(prefix: str, text: str) -> UUID | None:
    """The UUIDv7 in `prefix_<32 hex digits>`, or None where the text is not such an id."""
    start = id_start(prefix)
    digits = text.removeprefix(start)
    if not text.startswith(start) or len(digits) != 32 or digits != digits.lower():
        return None
    try:
        value = UUID(hex=digits)
    except ValueError:
        return None
    return value if value.version == 7 and value.int >> 80 < YEAR_9000_MS else None


def id_at(time: datetime) -> UUID:
    """What ids made from then on are not below."""
    return UUID(int=max(0, int(time.timestamp() * 1000)) << 80)


def created_at(value: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
