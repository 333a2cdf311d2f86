"""How far what is derived may be trusted: as far as the least of what it came from."""

from collections.abc import Iterable

from app.memory.types import Trust

LOWEST_FIRST: tuple[Trust, ...] = ("document", "assistant", "user", "application")
"""A document may be anybody's; an assistant may have read one."""


def lowest_trust(of: Iterable[Trust]) -> Trust:
    return min(of, key=LOWEST_FIRST.index)
