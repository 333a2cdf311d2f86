"""What models cost: by the project's own prices, else by those that genai-prices knows.

Its list comes with the package and is never fetched. A model without a price costs nothing.
"""

import asyncio
import math
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from typing import Any

import structlog
from cachetools import LRUCache

from app.limits.units import USD
from app.limits.usage import Usage
from app.settings.types import GatewaySettings, ModelPrice

log = structlog.get_logger()

Cost = Callable[[Usage], int]
"""Of a call, in billionths of a dollar, rounded up."""

KNOWN_MAX = 1_000
MILLION = 1_000_000


class Prices:
    def __init__(self, engine_url: str | None) -> None:
        self._engine_url = engine_url
        """By which it is told whose model it is, where a name does not."""
        self._listed: LRUCache[str, Cost | None] = LRUCache(KNOWN_MAX)

    async def cost(self, model: str, settings: GatewaySettings) -> Cost | None:
        """None where nobody says what the model costs."""
        if own := settings.prices.get(model):
            return lambda usage: _own_cost(own, usage)
        if model not in self._listed:
            self._listed[model] = await self._look_up(model)
        return self._listed[model]

    async def _look_up(self, model: str) -> Cost | None:
        known = await asyncio.to_thread(import_module, "genai_prices")  # 30 MB, read in 0.2 s
        for place in ({"provider_api_url": self._engine_url}, {}):
            if (not place or self._engine_url) and (found := _listed(known, model, place)):
                return found
        log.warning("limits.no_price")  # of which model, the request log has
        return None


def _own_cost(price: ModelPrice, usage: Usage) -> int:
    cached = price.input if price.cached_input is None else price.cached_input
    dollars = (
        (usage.input_tokens - usage.cached_tokens) * price.input
        + usage.cached_tokens * cached
        + usage.output_tokens * price.output
    ) / MILLION
    return math.ceil(round(dollars * USD, 3))


def _listed(known: Any, model: str, place: dict[str, str | None]) -> Cost | None:
    def cost(usage: Usage) -> int:
        counted = known.Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cached_tokens,
            output_tokens=usage.output_tokens,
        )
        price: Decimal = known.calc_price(counted, model, **place).total_price
        return math.ceil(price * USD)

    try:
        cost(Usage(1, 1))
    except (LookupError, ValueError):
        return None
    return cost
