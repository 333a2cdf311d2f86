"""What one engine call costs: reserved before it is made, settled when it ended."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from app.limits.allowance import Allowance
from app.limits.types import Taken
from app.web.limits import Measure


class Usage(NamedTuple):
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """Of the input: cheaper, where there is a price for them."""

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Spending:
    """Made by `reserve`. It is settled once, whatever becomes of the call."""

    def __init__(self, allowance: Allowance, reserved: Usage) -> None:
        self.reserved = reserved
        self._allowance = allowance
        self._taken: list[Taken] = []
        self._settled = False

    async def begin(self) -> None:
        """Raises TooManyRequests, or Unavailable."""
        self._taken = await self._allowance.take(self._needs(self.reserved))

    async def extend(self, output_tokens: int) -> None:
        """Raises TooManyRequests, or Unavailable."""
        more = self._needs(Usage(0, output_tokens))
        self._taken += await self._allowance.take(more)
        reserved = self.reserved
        self.reserved = reserved._replace(output_tokens=reserved.output_tokens + output_tokens)

    def settle(self, used: Usage | None) -> None:
        """By what was used; None is nothing at all."""
        if self._settled:
            return
        self._settled = True
        amounts = self._needs(used) if used else {}
        self._allowance.give(self._taken, amounts)

    def _needs(self, usage: Usage) -> dict[Measure, int]:
        return {"tokens": max(1, usage.tokens)}


async def reserve(allowance: Allowance | None, usage: Usage) -> Spending | None:
    """None where nothing limits what a call costs. Raises TooManyRequests, or Unavailable."""
    if allowance is None or not allowance.limits("tokens"):
        return None
    spending = Spending(allowance, usage)
    await spending.begin()
    return spending


def usage_in(said: Mapping[str, object] | None) -> Usage | None:
    """An engine's usage, nested or flat, where it tells one."""
    if not isinstance(said, Mapping):
        return None
    given, made = said.get("input_tokens"), said.get("output_tokens")
    if not (isinstance(given, int) and isinstance(made, int)):
        return None
    if not given + made:
        return None
    details = said.get("input_tokens_details", said)
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    return Usage(given, made, cached if isinstance(cached, int) else 0)


class Bill(msgspec.Struct):
    """Of a call that is made in one go."""

    used: Usage | None = None
    """Nothing, where it failed."""


@asynccontextmanager
async def billed(allowance: Allowance | None, expected: Usage) -> AsyncIterator[Bill]:
    """What is noted as used is settled. Raises TooManyRequests, or Unavailable."""
    spending = await reserve(allowance, expected)
    bill = Bill()
    try:
        yield bill
    except asyncio.CancelledError:
        bill.used = expected  # the engine may have worked for it
        raise
    finally:
        if spending:
            spending.settle(bill.used)
