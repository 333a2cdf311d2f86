"""An engine's stream, counted as it passes: it ends where nothing more may be spent."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from app.engine.deltas import Deltas
from app.engine.types import Batch, Event
from app.errors import EngineError, TooManyRequests, Unavailable
from app.limits.spending import Spending
from app.limits.usage import Usage, usage_in

BYTES_A_TOKEN = 4
"""Of UTF-8: roughly, where nobody counts."""
ENDS = ("response.completed", "response.incomplete", "response.failed", "error")
STEP_MIN = 50
CUT_OFF = "max_output_tokens"
"""The standard's word for a response that is as long as it may be."""

Cut = Callable[[TooManyRequests | Unavailable], None]
"""Told why a stream was ended."""


class Meter:
    """Counts what an engine says; `step` tokens more are reserved where it says more than was,
    unless the engine itself was told where to end."""

    def __init__(self, spending: Spending, step: int | None, cut: Cut) -> None:
        self._spending = spending
        self._step = step
        self._cut = cut
        self._bytes = 0
        self._said: Usage | None = None
        self._began = False
        self._failed = False

    async def watch(self, events: AsyncGenerator[Batch]) -> AsyncGenerator[Batch]:
        """The same events. What was spent is settled when they end, or are read no further."""
        try:
            async with aclosing(events) as batches:
                async for batch in batches:
                    self._count(batch)
                    yield batch
                    if not await self._may_go_on():
                        yield [self._end()]
                        return
        except EngineError:
            self._failed = not self._began
            raise
        finally:
            self._spending.settle(self._used())

    @property
    def _estimate(self) -> Usage:
        return Usage(self._spending.reserved.input_tokens, self._bytes // BYTES_A_TOKEN)

    def _used(self) -> Usage | None:
        """Nothing, where the engine failed before it began."""
        return None if self._failed else self._said or self._estimate

    def _count(self, batch: Batch) -> None:
        self._began = True
        if isinstance(batch, Deltas):
            self._bytes += sum(map(len, batch.texts))
            return
        for event in batch:
            if isinstance(delta := event.get("delta"), str):
                self._bytes += len(delta.encode(errors="replace"))
            if event["type"] in ENDS:
                self._note_end(event)

    def _note_end(self, event: Event) -> None:
        self._step = None
        said = event.get("response")
        self._said = usage_in(said.get("usage")) if isinstance(said, dict) else None

    async def _may_go_on(self) -> bool:
        beyond = self._estimate.output_tokens - self._spending.reserved.output_tokens
        if self._step is None or beyond < 0:
            return True
        try:
            await self._extend(self._step, beyond + 1)
        except (TooManyRequests, Unavailable) as error:
            self._cut(error)
            return False
        return True

    async def _extend(self, step: int, needed: int) -> None:
        """By a step; near the end by small ones, so that little is left over."""
        try:
            await self._spending.extend(max(step, needed))
        except TooManyRequests:
            if max(STEP_MIN, needed) >= step:
                raise
            self._step = STEP_MIN
            await self._spending.extend(max(STEP_MIN, needed))

    def _end(self) -> Event:
        """As an engine would say it. It did not say what it counted: this is an estimate."""
        used = self._estimate
        return {
            "type": "response.incomplete",
            "response": {
                "incomplete_details": {"reason": CUT_OFF},
                "usage": {
                    "input_tokens": used.input_tokens,
                    "output_tokens": used.output_tokens,
                },
            },
        }
