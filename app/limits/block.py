"""What a worker holds of one counter."""

import time
from datetime import datetime

import msgspec

from app.limits.types import Line

REFUSED_SECONDS = 0.2
"""So long it is believed that nothing is left."""


class Block(msgspec.Struct):
    """What is held, and what the database last said of the counter. Times are monotonic."""

    began_at: datetime
    ends: float
    """The window."""
    most: int
    remaining: int
    """Granted to nobody."""
    asked_at: float
    give_back_at: float
    leased: bool
    """More was granted than was needed then: others may wait for what is given back."""
    amount: int = 0
    refused: int | None = None
    """So much was not left when it was asked for."""

    @property
    def left(self) -> int:
        return max(0, self.remaining + self.amount)

    def seconds_left(self) -> float:
        return max(0.0, self.ends - time.monotonic())

    def covers(self, line: Line, now: float) -> bool:
        return self.amount >= line.need and now < self.ends

    def refuses(self, line: Line, now: float) -> bool:
        if self.refused is None or self.most != line.most:
            return False
        return line.need - self.amount >= self.refused and now < self.asked_at + REFUSED_SECONDS

    def holds(self, began_at: datetime, now: float) -> bool:
        """Whether what was taken of a window may be taken again from here."""
        return self.leased and self.began_at == began_at and now < self.give_back_at

    def lay_aside(self) -> int:
        """All that is held, to be given back."""
        amount, self.amount = self.amount, 0
        self.remaining += amount
        return amount
