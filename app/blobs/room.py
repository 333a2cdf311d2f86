"""So many bytes in memory at once: who wants more waits for those who have them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import TooManyRequests

WAIT_SECONDS_MAX = 30.0


class Room:
    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._taken = 0
        self._left = asyncio.Event()

    @asynccontextmanager
    async def place(self, size_bytes: int) -> AsyncIterator[None]:
        """What is larger than all the room goes alone. Raises TooManyRequests after a while."""
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while self._taken and self._taken + size_bytes > self._bytes_max:
                    await self._left.wait()
        except TimeoutError:
            raise TooManyRequests(
                "Too many images are being sent at once.", headers={"Retry-After": "1"}
            ) from None
        self._taken += size_bytes
        try:
            yield
        finally:
            self._taken -= size_bytes
            self._left.set()
            self._left = asyncio.Event()
