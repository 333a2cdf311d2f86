"""The breaker on a clock of its own, and the budget of retries."""

import asyncio
from contextlib import suppress

import pytest

from app.engine.breaker import Breaker
from app.engine.retry import BURST_MAX, RetryBudget
from app.errors import (
    BackstoryError,
    EngineBroken,
    EngineFailed,
    EngineOverloaded,
    EngineRefused,
    EngineSilent,
    EngineTimeout,
    EngineUnavailable,
    EngineUnreachable,
)

REFUSED = EngineRefused("no", status=400)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(3, 5.0, clock)


def call(breaker: Breaker, error: BaseException | None = None) -> None:
    """A call that ends so. Raises EngineUnavailable where it is not made."""
    with suppress(*[type(error)] if error else []), breaker.watching():
        if error:
            raise error


@pytest.mark.parametrize(
    "error", [EngineUnreachable("x"), EngineFailed("x"), EngineSilent("x")], ids=lambda e: e.code
)
def test_it_opens_after_failures_in_a_row(
    breaker: Breaker, clock: Clock, error: BackstoryError
) -> None:
    for _ in range(3):
        assert breaker.state == "closed"
        call(breaker, error)
    assert breaker.state == "open"
    clock.seconds = 1.5
    with pytest.raises(EngineUnavailable) as refused:
        call(breaker)
    assert refused.value.headers == {"Retry-After": "4"}


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        EngineOverloaded("x"),
        EngineBroken("x"),
        EngineTimeout("x"),
        asyncio.CancelledError(),
    ],
)
def test_what_says_nothing_of_its_health_does_not_count(
    breaker: Breaker, error: BaseException
) -> None:
    for _ in range(20):
        call(breaker, error)
    assert breaker.state == "closed"


def test_an_answer_in_between_begins_the_count_anew(breaker: Breaker) -> None:
    for _ in range(10):
        call(breaker, EngineFailed("x"))
        call(breaker, EngineFailed("x"))
        call(breaker)
    assert breaker.state == "closed"


def opened(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        call(breaker, EngineFailed("x"))
    clock.seconds += 5.0
    assert breaker.state == "half_open"


@pytest.mark.parametrize("error", [None, REFUSED])
def test_an_engine_that_answers_the_probe_is_back(
    breaker: Breaker, clock: Clock, error: BackstoryError | None
) -> None:
    opened(breaker, clock)
    call(breaker, error)
    assert breaker.state == "closed"


def test_only_one_probes_at_a_time(breaker: Breaker, clock: Clock) -> None:
    opened(breaker, clock)
    with breaker.watching(), pytest.raises(EngineUnavailable):
        call(breaker)
    assert breaker.state == "closed"


def test_a_probe_that_fails_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    opened(breaker, clock)
    call(breaker, EngineFailed("x"))
    assert breaker.state == "open"


def test_a_probe_whose_client_leaves_gives_its_place_to_the_next(
    breaker: Breaker, clock: Clock
) -> None:
    opened(breaker, clock)
    call(breaker, asyncio.CancelledError())
    call(breaker)
    assert breaker.state == "closed"


def test_retries_are_a_share_of_requests() -> None:
    budget = RetryBudget(0.2)
    spent = 0
    for _ in range(1000):
        budget.earn()
        spent += budget.spend() + budget.spend()
    assert 0.2 * 1000 <= spent <= 0.2 * 1000 + BURST_MAX


def test_no_share_is_no_retry() -> None:
    budget = RetryBudget(0.0)
    budget.earn()
    assert not budget.spend()
