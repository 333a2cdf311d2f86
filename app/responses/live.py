"""The events of a response that is being made, read by any number of clients at once."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Log(Generic[T]):
    """Appended to by one, followed by many, from any place, to the end or to its error."""

    def __init__(self) -> None:
        self.entries: list[T] = []
        self.closed = False
        self.error: BaseException | None = None
        self.readers = 0
        self._waiting: list[asyncio.Future[None]] = []

    def append(self, *entries: T) -> None:
        self.entries.extend(entries)
        self._wake()

    def close(self, error: BaseException | None = None) -> None:
        if not self.closed:
            self.closed = True
            self.error = error
            self._wake()

    async def follow(self, start: int = 0) -> AsyncGenerator[list[T]]:
        """All entries from `start`, those that are there together; then the log's error, if any."""
        self.readers += 1
        try:
            while True:
                if start < len(self.entries):
                    ready = self.entries[start:]
                    start += len(ready)
                    yield ready
                elif self.closed:
                    if self.error:
                        raise self.error
                    return
                else:
                    await self._change()
        finally:
            self.readers -= 1

    async def begun(self) -> None:
        """Returns when there is a first entry. Raises the error that came instead of it."""
        while not self.entries and not self.closed:
            await self._change()
        if not self.entries and self.error:
            raise self.error

    async def ended(self) -> None:
        while not self.closed:
            await self._change()

    async def _change(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def _wake(self) -> None:
        woken, self._waiting = self._waiting, []
        for waiting in woken:
            if not waiting.done():
                waiting.set_result(None)
