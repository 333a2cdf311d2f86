"""Counting against the real database: what is granted, given back and owed adds up."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from app.config import Config
from app.db.database import Database, open_database
from app.errors import TooManyRequests
from app.ids import ProjectId, new_id
from app.limits.stock import Stock, open_stock
from app.limits.types import NOBODY, Counter, Line
from tests.support.rows import connected
from tests.support.service import Service

WORKERS = 3
USED = "SELECT used FROM limit_counters WHERE key_id = $1 AND measure = $2"
CONFIG = Config(limit_lease_seconds=0.1)


@pytest.fixture
async def database(backstory: Service) -> AsyncIterator[Database]:
    async with open_database(backstory.urls.service, backstory.config) as database:
        yield database


def counter(measure: str = "tokens") -> Counter:
    return Counter(ProjectId(new_id()), NOBODY, new_id(), measure, "month")  # type: ignore[arg-type]


async def used(service: Service, of: Counter) -> int:
    async with connected(service.urls.owner) as conn:
        found: int = await conn.fetchval(USED, of.key_id, of.measure)
        return found


async def test_many_workers_take_and_give_back(backstory: Service, database: Database) -> None:
    """Whoever asks for one takes the last one, however much others hold and give back."""
    of, most, chance = counter(), 3_000, random.Random(5)
    kept = 0

    async def call(stock: Stock) -> None:
        nonlocal kept
        need, uses = chance.randint(1, 10), chance.randint(0, 12)
        try:
            [taken] = await stock.take([Line(of, most, need)])
        except TooManyRequests:
            return
        await asyncio.sleep(chance.random() / 50)
        stock.give(taken, need - uses)
        kept += uses

    async with AsyncExitStack() as stack:
        stocks = [
            await stack.enter_async_context(open_stock(database, CONFIG)) for _ in range(WORKERS)
        ]
        await asyncio.gather(*(call(chance.choice(stocks)) for _ in range(400)))
    assert await used(backstory, of) == kept
    async with AsyncExitStack() as stack:
        stocks = [
            await stack.enter_async_context(open_stock(database, CONFIG)) for _ in range(WORKERS)
        ]
        left = most - kept
        asked = (chance.choice(stocks).take([Line(of, most, 1)]) for _ in range(left + 100))
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, list) for answer in answers) == left
    assert await used(backstory, of) == most


async def test_all_or_nothing(backstory: Service, database: Database) -> None:
    tokens = counter()
    requests = tokens._replace(measure="requests")
    async with open_stock(database, CONFIG) as stock:
        await stock.take([Line(requests, 10, 1), Line(tokens, 100, 80)])
        with pytest.raises(TooManyRequests):
            await stock.take([Line(requests, 10, 1), Line(tokens, 100, 80)])
        await stock.take([Line(requests, 10, 1), Line(tokens, 100, 20)])
    assert await used(backstory, requests) == 2
    assert await used(backstory, tokens) == 100


async def test_what_was_spent_beyond_is_owed(backstory: Service, database: Database) -> None:
    of = counter()
    async with open_stock(database, CONFIG) as stock, open_stock(database, CONFIG) as other:
        [taken] = await stock.take([Line(of, 100, 10)])
        stock.give(taken, 10 - 500)
        await stock.settlements.flush()
        for any_ in (stock, other):
            with pytest.raises(TooManyRequests):
                await any_.take([Line(of, 100, 1)])
    assert await used(backstory, of) == 500


async def test_a_caller_that_goes_away_costs_nothing(
    backstory: Service, database: Database
) -> None:
    of = counter()
    async with open_stock(database, CONFIG) as stock:
        taking = asyncio.create_task(stock.take([Line(of, 100, 10)]))
        await asyncio.sleep(0)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
    assert await used(backstory, of) == 0


async def test_who_needs_less_does_not_wait_behind_who_needs_more(database: Database) -> None:
    """What another worker holds may come back to the one; the other has enough."""
    of, patient = counter(), Config(limit_lease_seconds=30)
    async with open_stock(database, patient) as holder, open_stock(database, patient) as stock:
        for _ in range(3):
            await holder.take([Line(of, 1_000, 1)])
        much = asyncio.create_task(stock.take([Line(of, 1_000, 990)]))
        while not stock.block(of):  # noqa: ASYNC110  # until it was told that there is not as much
            await asyncio.sleep(0)
        assert await asyncio.wait_for(stock.take([Line(of, 1_000, 1)]), 5)
        assert not much.done()
        much.cancel()


async def test_a_refusal_of_what_was_forgotten_meanwhile(database: Database) -> None:
    """The database may take long to answer what is told to it between."""
    of = counter()
    async with open_stock(database, CONFIG) as stock:
        await stock.take([Line(of, 100, 100)])
        flush = stock.settlements.flush

        async def slow() -> None:
            stock.settlements.flush = flush  # type: ignore[method-assign]  # once
            stock._blocks.clear()
            await flush()

        stock.settlements.flush = slow  # type: ignore[method-assign]  # as if it took seconds
        with pytest.raises(TooManyRequests):
            await asyncio.wait_for(stock.take([Line(of, 100, 1)]), 10)
