"""What one engine call costs: reserved before it is made, settled when it ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from app.errors import TooManyRequests
from app.limits.allowance import Allowance
from app.limits.prices import Cost
from app.limits.types import Taken
from app.limits.usage import Usage
from app.web.limits import Measure


class Spending:
    """Made by `reserve`. It is settled once, whatever becomes of the call."""

    def __init__(self, allowance: Allowance, reserved: Usage, cost: Cost | None) -> None:
        self.reserved = reserved
        self._cost = cost
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
        needs: dict[Measure, int] = {"tokens": max(1, usage.tokens)}
        if self._cost:
            needs["usd"] = max(1, self._cost(usage))
        return needs


async def reserve(allowance: Allowance | None, model: str, usage: Usage) -> Spending | None:
    """None where nothing limits what a call costs. Raises TooManyRequests, or Unavailable."""
    if allowance is None or not allowance.limits_calls:
        return None
    cost = await allowance.cost(model) if allowance.limits("usd") else None
    spending = Spending(allowance, usage, cost)
    try:
        await spending.begin()
    except TooManyRequests:
        allowance.dismiss()
        raise
    return spending


class Bill(msgspec.Struct):
    """Of a call that is made in one go."""

    used: Usage | None = None
    """Nothing, where it failed."""


@asynccontextmanager
async def billed(allowance: Allowance | None, model: str, expected: Usage) -> AsyncIterator[Bill]:
    """What is noted as used is settled. Raises TooManyRequests, or Unavailable."""
    spending = await reserve(allowance, model, expected)
    bill = Bill()
    try:
        yield bill
    except asyncio.CancelledError:
        bill.used = expected  # the engine may have worked for it
        raise
    finally:
        if spending:
            spending.settle(bill.used)
