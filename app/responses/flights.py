"""Identical calls at once: one reaches the engine, the others read along."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing

from cachetools import TTLCache

from app.engine.types import Batch
from app.responses.live import Log


class Flight:
    """One engine call and its readers. It ends early when the last of them goes."""

    def __init__(self, batches: AsyncGenerator[Batch]) -> None:
        self._log: Log[Batch] = Log()
        self._task = asyncio.create_task(self._pump(batches))
        self._abandoned = False

    @property
    def failed(self) -> bool:
        """Nobody can read along any more: it ended with an error, or is about to."""
        return self._abandoned or (self._log.closed and self._log.error is not None)

    async def follow(self) -> AsyncGenerator[Batch]:
        try:
            async with aclosing(self._log.follow()) as batches:
                async for ready in batches:
                    for batch in ready:
                        yield batch
        finally:
            if not self._log.readers and not self._log.closed:
                self._abandoned = True
                self._task.cancel()

    async def _pump(self, batches: AsyncGenerator[Batch]) -> None:
        try:
            async for batch in batches:
                self._log.append(batch)
        except BaseException as error:
            self._log.close(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        else:
            self._log.close()


LANDINGS_MAX = 10_000
LANDINGS_SECONDS = 10.0


class Flights:
    """The calls on their way, by cache key. A flight leaves when its output can be found stored."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight] = {}
        self._landings: TTLCache[Hashable, int] = TTLCache(LANDINGS_MAX, LANDINGS_SECONDS)
        self.landings = 0
        """How many have landed."""

    def join(
        self, key: Hashable, depart: Callable[[], AsyncGenerator[Batch]]
    ) -> tuple[Flight, bool]:
        """The flight under this key, and whether it began just now; none that has failed."""
        if flight := self.find(key):
            return flight, False
        flight = self._flights[key] = Flight(depart())
        return flight, True

    def find(self, key: Hashable) -> Flight | None:
        """One that can be joined."""
        flight = self._flights.get(key)
        return flight if flight and not flight.failed else None

    def land(self, key: Hashable, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
            self.landings += 1
            self._landings[key] = self.landings

    def landed_since(self, key: Hashable, landings: int) -> bool:
        """Whether one landed under this key after so many had: a look-up may have missed it."""
        return self._landings.get(key, 0) > landings
