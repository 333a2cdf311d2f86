"""What one call may spend: by the key that makes it, and by the user whom it is for."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from app.limits.block import Block
from app.limits.prices import Cost
from app.limits.refusal import duration
from app.limits.stock import Stock
from app.limits.types import Counter, Line, Taken
from app.web.limits import Measure

SHOWN: tuple[Measure, ...] = ("requests", "tokens")


class Allowance:
    """`limits` are those in force, by their counters; `cost` tells what models cost."""

    def __init__(
        self,
        stock: Stock,
        limits: Mapping[Counter, int],
        cost: Callable[[str], Awaitable[Cost | None]],
    ) -> None:
        self._stock = stock
        self._limits = limits
        self._blocks: dict[Counter, Block] = {}
        """Of which was taken: a long call outlives what the stock remembers of them."""
        self._admitted: list[Taken] = []
        self.cost = cost

    async def admit(self) -> None:
        """Counts the request itself. Raises TooManyRequests, or Unavailable."""
        self._admitted = await self.take({"requests": 1})

    def dismiss(self) -> None:
        """The request is refused for something else: else one who has spent all their tokens could
        use up the requests of a key that others share."""
        admitted, self._admitted = self._admitted, []
        self.give(admitted, {})

    async def take(self, needs: Mapping[Measure, int]) -> list[Taken]:
        """Raises TooManyRequests, or Unavailable."""
        lines = [
            Line(counter, most, needs[counter.measure])
            for counter, most in self._limits.items()
            if counter.measure in needs
        ]
        taken = await self._stock.take(lines) if lines else []
        for line in lines:
            if block := self._stock.block(line.counter):
                self._blocks[line.counter] = block
        return taken

    def give(self, taken: Sequence[Taken], used: Mapping[Measure, int]) -> None:
        """Of each counter, what was taken and not used; or owes it what was used beyond."""
        by_counter: dict[Counter, list[Taken]] = defaultdict(list)
        for part in taken:
            by_counter[part.counter].append(part)
        for counter, parts in by_counter.items():
            self._give(parts, sum(part.amount for part in parts) - used.get(counter.measure, 0))

    def _give(self, parts: list[Taken], back: int) -> None:
        """To the windows that were taken of last, first."""
        for part in reversed(parts[1:]):
            amount = max(0, min(back, part.amount))
            self._stock.give(part, amount)
            back -= amount
        self._stock.give(parts[0], back)

    @property
    def limits_calls(self) -> bool:
        """What the engine does is counted, beside the request."""
        return self.limits("tokens", "usd")

    def limits(self, *measures: Measure) -> bool:
        return any(counter.measure in measures for counter in self._limits)

    def headers(self) -> dict[str, str]:
        """OpenAI's, of the limit that is nearest to its end."""
        said: dict[str, str] = {}
        for measure in SHOWN:
            said.update(self._headers_of(measure))
        return said

    def _block(self, counter: Counter) -> Block | None:
        return self._stock.block(counter) or self._blocks.get(counter)

    def _headers_of(self, measure: Measure) -> dict[str, str]:
        blocks = [
            block
            for counter in self._limits
            if counter.measure == measure and (block := self._block(counter))
        ]
        if not blocks:
            return {}
        nearest = min(blocks, key=lambda block: block.left)
        return {
            f"x-ratelimit-limit-{measure}": str(nearest.most),
            f"x-ratelimit-remaining-{measure}": str(nearest.left),
            f"x-ratelimit-reset-{measure}": duration(nearest.seconds_left()),
        }
