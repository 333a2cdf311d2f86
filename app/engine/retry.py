"""Asking an engine again where it gave not one byte of an answer."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from app.config import Config
from app.engine.breaker import Breaker
from app.errors import EngineError, EngineFailed, EngineUnreachable

log = structlog.get_logger()

T = TypeVar("T")

BURST_MAX = 10
"""Retries that may be saved up: what a quiet service has to spend."""

JITTER = (0.5, 1.0)


class RetryBudget:
    """Each request earns a share of a retry, so that an outage is not multiplied."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._saved = BURST_MAX if share else 0.0

    def earn(self) -> None:
        self._saved = min(self._saved + self._share, BURST_MAX)

    def spend(self) -> bool:
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


class Retries:
    """Behind one breaker and one budget for each engine and worker.

    Asking a model changes nothing at the engine, so that a request is safe to send again until the
    first byte of its answer; from then on a part of it has been seen, and it never is. No time
    limit is tried again: an engine that is slow would only get more to do.

    An own loop of ten lines: a retry library costs 0.1 ms a call, also where nothing fails.
    """

    def __init__(self, config: Config, breaker: Breaker) -> None:
        self._breaker = breaker
        self._budget = RetryBudget(config.engine_retry_share)
        self._most = config.engine_retries_max
        self._wait_seconds = config.engine_retry_wait_seconds
        self._wait_seconds_max = config.engine_retry_wait_seconds_max

    async def run(self, begin: Callable[[], Awaitable[T]]) -> T:
        """`begin` returns with the first byte. Raises EngineError."""
        self._budget.earn()
        with self._breaker.watching():
            tries = 0
            while True:
                try:
                    return await begin()
                except EngineError as error:
                    wait = self._wait_after(error, tries)
                    if wait is None or not self._budget.spend():
                        raise
                    log.info("engine.asked_again", why=error.code, wait_seconds=round(wait, 3))
                await asyncio.sleep(wait)
                tries += 1

    def _wait_after(self, error: EngineError, tries: int) -> float | None:
        """Seconds; None where it is not to be asked again."""
        if tries >= self._most or self._breaker.state != "closed":
            return None
        if "Retry-After" in error.headers:
            return self._wait_as_told(error.headers["Retry-After"])
        if isinstance(error, EngineUnreachable | EngineFailed):
            wait = min(self._wait_seconds * 2.0**tries, self._wait_seconds_max)
            return wait * random.uniform(*JITTER)  # noqa: S311 - no secret
        return None

    def _wait_as_told(self, seconds: str) -> float | None:
        """A client is not kept waiting for long: it can wait by itself."""
        wait = float(seconds) if seconds.isdecimal() else None
        return wait if wait is not None and wait <= self._wait_seconds_max else None
