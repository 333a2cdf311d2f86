"""Not asking an engine that is down: clients are told at once, and it can come back in peace."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import structlog

from app.errors import (
    EngineError,
    EngineFailed,
    EngineSilent,
    EngineUnavailable,
    EngineUnreachable,
)

log = structlog.get_logger()

DOWN = (EngineUnreachable, EngineFailed, EngineSilent)
"""What counts: no connection, 5xx, no byte in time. What the engine says of a request (4xx) and an
answer that breaks off later do not."""

State = Literal["closed", "open", "half_open"]


class Breaker:
    """Opens after so many failures in a row; some seconds later one call probes the engine.

    Own code: of the libraries, pybreaker awaits only on Tornado, aiobreaker rests since 2021, and
    purgatory counts a client that leaves as a failure and lets everyone probe at once.
    """

    def __init__(
        self, failures_max: int, open_seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures_max = failures_max
        self._open_seconds = open_seconds
        self._now = now
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        if self._open_until is None:
            return "closed"
        return "open" if self._now() < self._open_until else "half_open"

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around one call, up to the first byte of its answer. Raises EngineUnavailable."""
        probes = self._admit()
        try:
            yield
        except DOWN:
            self._fail(probes)
            raise
        except EngineError:  # it is there, and says no
            if probes:
                self._close()
            raise
        else:
            self._close()
        finally:
            if probes:
                self._probing = False

    def _admit(self) -> bool:
        """Whether the call is the one that probes."""
        if self._open_until is None:
            return False
        left = self._open_until - self._now()
        if left > 0 or self._probing:
            raise EngineUnavailable(retry_after_seconds=max(1, math.ceil(left)))
        self._probing = True
        return True

    def _fail(self, probes: bool) -> None:
        self._failures += 1
        if probes or (self._open_until is None and self._failures >= self._failures_max):
            self._open_until = self._now() + self._open_seconds
            log.warning("engine.breaker_opened", failures=self._failures)

    def _close(self) -> None:
        self._failures = 0
        if self._open_until is not None:
            self._open_until = None
            log.info("engine.breaker_closed")
