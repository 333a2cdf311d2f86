"""What this worker was granted of counters, and has not used yet.

A worker that is busy asks for more than it needs, so that not every call costs a statement. What it
holds it gives back after `limit_lease_seconds`, so that nothing is left over: whoever finds nothing
left waits as long as others may hold something. Near the end nobody is granted more than is needed.

What a killed worker held counts as used until its window is over, as does what is given back while
the database goes away: what was granted once is never granted again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from weakref import WeakValueDictionary

import structlog

from app.config import Config
from app.db.database import Database
from app.limits import queries
from app.limits.block import REFUSED_SECONDS, Block
from app.limits.refusal import refusal
from app.limits.settlements import Settlements
from app.limits.types import Counter, Granted, Line, Taken

log = structlog.get_logger()

STEPS_MAX = 20
"""A busy worker asks for what so many calls like this one need."""
PATIENCE = 2
"""So many times the time of a lease others may hold something."""


class Stock:
    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._blocks: dict[Counter, Block] = {}
        self._locks: WeakValueDictionary[Counter, asyncio.Lock] = WeakValueDictionary()
        self._asking: set[asyncio.Task[list[Granted]]] = set()
        self.settlements = Settlements(database)

    def block(self, counter: Counter) -> Block | None:
        return self._blocks.get(counter)

    async def take(self, lines: Sequence[Line]) -> list[Taken]:
        """Of all or of none. Raises TooManyRequests, or Unavailable."""
        patient_until = time.monotonic() + PATIENCE * self._lease_seconds
        while self._short(lines):
            async with self._locks.setdefault(lines[0].counter, asyncio.Lock()):
                fetched = await self._fetch(lines, patient_until)
            if not fetched:  # who needs less waits for nobody
                await asyncio.sleep(self._lease_seconds / 4)
        return [self._spend(line) for line in lines]

    def give(self, taken: Taken, amount: int) -> None:
        """So much of it was not used; below zero, more than it was."""
        block = self._blocks.get(taken.counter)
        if block and block.holds(taken.began_at, time.monotonic()):
            block.amount += amount
        else:
            self.settlements.add(taken.counter, taken.began_at, -amount)

    def lay_aside(self, *, everything: bool = False) -> None:
        """What is held for too long, or owed, is to be told to the database."""
        now = time.monotonic()
        for counter, block in list(self._blocks.items()):
            if block.amount < 0 or block.give_back_at <= now or everything:
                self.settlements.add(counter, block.began_at, -block.lay_aside())
            forgotten_at = block.asked_at + max(REFUSED_SECONDS, self._lease_seconds)
            if not block.amount and forgotten_at < now:
                del self._blocks[counter]

    async def close(self) -> None:
        """All that is held is given back."""
        await asyncio.gather(*self._asking, return_exceptions=True)
        self.lay_aside(everything=True)
        await self.settlements.flush()

    def _spend(self, line: Line) -> Taken:
        block = self._blocks[line.counter]
        block.amount -= line.need
        return Taken(line.counter, block.began_at, line.need)

    def _short(self, lines: Iterable[Line]) -> list[Line]:
        now = time.monotonic()
        return [line for line in lines if not self._covered(line, now)]

    def _covered(self, line: Line, now: float) -> bool:
        block = self._blocks.get(line.counter)
        return block is not None and block.covers(line, now)

    async def _fetch(self, lines: Sequence[Line], patient_until: float) -> bool:
        """Until all lines are covered, or False where something may come back; of those who ask
        for the same, one at a time."""
        while short := self._short(lines):
            self._check_refused(short)
            told = self.settlements.written
            granted = await self._granted(short)
            refused = [row for row in granted if not row.amount]
            if not refused:
                continue
            await self.settlements.flush()
            if told != self.settlements.written:
                continue
            fits = all(line.need <= line.most for line in short)
            patient = fits and time.monotonic() < patient_until
            if patient and any(map(self._may_come_back, refused)):
                return False
            self._note_refused(lines)
        return True

    def _may_come_back(self, row: Granted) -> bool:
        """Somebody may hold some of it yet."""
        seconds = row.leased_seconds_ago
        return seconds is not None and seconds < PATIENCE * self._lease_seconds

    def _check_refused(self, short: Iterable[Line]) -> None:
        now = time.monotonic()
        for line in short:
            block = self._blocks.get(line.counter)
            if block and block.refuses(line, now):
                raise refusal(line, block.left, block.ends - now)

    def _note_refused(self, lines: Iterable[Line]) -> None:
        """What was granted of other counters meanwhile is for others."""
        now = time.monotonic()
        for line in lines:
            block = self._blocks.get(line.counter)
            if block is None:  # so long ago that it was forgotten: it is asked for again
                continue
            if block.covers(line, now):
                block.give_back_at = block.give_back_at if block.leased else now
            else:
                block.refused = line.need - block.amount
                block.asked_at = now
        self.lay_aside()

    # Asking

    async def _granted(self, short: list[Line]) -> list[Granted]:
        """Whatever becomes of the one who asked, what is granted is held."""
        task = asyncio.create_task(self._ask(short))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return await asyncio.shield(task)

    async def _ask(self, short: list[Line]) -> list[Granted]:
        now = time.monotonic()
        lines = [self._missing(line, now) for line in short]
        granted = await self._ask_database(lines, [self._steps(line, now) for line in lines])
        by_counter = {(row.user_id, row.key_id, row.measure, row.span): row for row in granted}
        for line in lines:
            self._hold(line, by_counter[line.counter[1:]], now)
        return granted

    def _missing(self, line: Line, now: float) -> Line:
        block = self._blocks.get(line.counter)
        there = block.amount if block and now < block.ends else 0
        return line._replace(need=max(1, line.need - there))

    def _steps(self, line: Line, now: float) -> int:
        block = self._blocks.get(line.counter)
        return STEPS_MAX if block and now < block.asked_at + self._lease_seconds else 1

    async def _ask_database(self, lines: list[Line], steps: list[int]) -> list[Granted]:
        project = lines[0].counter.project
        async with self._database.tenant(project, everyone=True) as conn:
            granted = await queries.take(conn, project, lines, steps)
            if len(granted) == len(lines):
                return granted
            await queries.begin_counters(conn, project, [line.counter for line in lines])
            there = {(row.user_id, row.key_id, row.measure, row.span) for row in granted}
            new = [line for line in lines if line.counter[1:] not in there]
            return granted + await queries.take(conn, project, new, [1] * len(new))

    def _hold(self, line: Line, row: Granted, asked_at: float) -> None:
        """What is left of another window goes back to that."""
        kept, block = 0, self._blocks.get(line.counter)
        if block and block.began_at == row.began_at:
            kept = block.amount
        elif block:
            self.settlements.add(line.counter, block.began_at, -block.lay_aside())
        self._blocks[line.counter] = Block(
            began_at=row.began_at,
            ends=asked_at + row.seconds_left,
            most=line.most,
            remaining=row.remaining,
            asked_at=asked_at,
            give_back_at=asked_at + self._lease_seconds,
            leased=row.amount > line.need,
            amount=kept + row.amount,
        )


@asynccontextmanager
async def open_stock(database: Database, config: Config) -> AsyncIterator[Stock]:
    stock = Stock(database, config.limit_lease_seconds)
    task = asyncio.create_task(_settle_forever(stock, config.limit_lease_seconds / 4))
    try:
        yield stock
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await stock.close()


async def _settle_forever(stock: Stock, seconds: float) -> None:
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(stock.settlements.wanted.wait(), seconds)
        stock.lay_aside()
        await stock.settlements.flush()
