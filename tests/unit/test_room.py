"""So many bytes at once, and who waits for them."""

import asyncio

import pytest

from app.blobs import room
from app.blobs.room import Room
from app.errors import TooManyRequests


async def test_who_wants_more_waits_for_those_who_have_them() -> None:
    kept, most = 0, 0
    full = Room(10)

    async def use(size: int) -> None:
        nonlocal kept, most
        async with full.place(size):
            kept += size
            most = max(most, kept)
            await asyncio.sleep(0)
            kept -= size

    await asyncio.gather(*(use(size) for size in (4, 5, 6, 1, 10, 3, 7)))
    assert 5 < most <= 10


async def test_what_is_larger_than_all_goes_alone() -> None:
    async with Room(10).place(50):
        pass


async def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS_MAX", 0.0)
    full = Room(10)
    async with full.place(10):
        with pytest.raises(TooManyRequests):
            async with full.place(1):
                pass
    async with full.place(1):
        pass
