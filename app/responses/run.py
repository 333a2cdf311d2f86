"""A response being made: engine events in, completed frames out, the turn stored before the end."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import msgspec
import structlog

from app.engine.deltas import Deltas
from app.engine.types import Batch
from app.errors import (
    BackstoryError,
    EngineBroken,
    EngineError,
    ResponseTooLarge,
    TooManyRequests,
    Unavailable,
)
from app.ids import ResponseId
from app.responses.complete import BEGINNINGS, Completer
from app.responses.live import Log
from app.responses.resource import Resource
from app.responses.types import Call

log = structlog.get_logger()

MALFORMED = (KeyError, TypeError, AttributeError, ValueError, msgspec.ValidationError)
"""What reading an event of the wrong shape ends in."""

Keep = Callable[[], Awaitable[None]]
"""Makes what a run made durable. Raises Unavailable where it can't."""


class Stopped(BackstoryError):
    status = 503
    code = "response_stopped"


class Run:
    def __init__(
        self,
        call: Call,
        completer: Completer,
        batches: AsyncGenerator[Batch],
        *,
        bytes_max: int,
    ) -> None:
        self.call = call
        self.completer = completer
        self.log: Log[bytes] = Log()
        self.error: BackstoryError | None = None
        self.stored = False
        self.as_begun: Resource = {**completer.resource}
        self._batches = batches
        self._bytes_max = self._bytes_left = bytes_max
        self._reading: asyncio.Task[Any] | None = None
        self._cancelled = False

    @property
    def resource(self) -> Resource:
        return self.completer.resource

    def begin(self) -> None:
        """Begins before the engine does: what runs in the background has begun when it is asked."""
        self.log.append(*self.completer.begin())

    def cancel(self) -> None:
        """Ends it with what has come; what has ended stays as it ended."""
        if self._reading:
            self._cancelled = True
            self._reading.cancel()

    async def execute(self, keep: Keep) -> None:
        """Never raises: what goes wrong ends the log, or is its error where nothing had begun."""
        try:
            await self._read_engine()
            await self._finish(keep)
        except BackstoryError as error:
            self._give_up(error)
        except Exception:
            log.exception("response.failed", response=self.resource["id"])
            self._give_up(BackstoryError("The service failed to answer this request."))
        except asyncio.CancelledError:
            self._give_up(Stopped("The response was stopped before its end."))
            raise

    async def _read_engine(self) -> None:
        """Raises where the engine failed before it began; later failures end the response."""
        self._reading = asyncio.current_task()
        try:
            async with aclosing(self._batches) as batches:
                async for batch in batches:
                    self._take(batch)
                    if self.completer.ended:
                        return
        except EngineError as error:
            self._break_off(error)
        except asyncio.CancelledError:
            self._stop()
        finally:
            self._reading = None

    def _stop(self) -> None:
        if self._cancelled and self.log.entries:
            self.log.append(*self.completer.cancel())
            self.call.record.error_code = "response_cancelled"
        else:
            self._break_off(Stopped("The response was stopped before its end."))

    def _take(self, batch: Batch) -> None:
        """Events that came together leave together, those before a malformed one too."""
        if self.call.record.first_token_ms is None and _speaks(batch):
            self.call.record.first_token_ms = self.elapsed_ms()
        frames: list[bytes] = []
        try:
            if isinstance(batch, Deltas):
                frames = self.completer.add_deltas(batch)
            else:
                for event in batch:
                    frames += self.completer.add(event)
        except MALFORMED as error:
            raise EngineBroken("The engine sent an event that is not of its type.") from error
        finally:
            if frames:
                self.log.append(*frames)
        self._bytes_left -= sum(map(len, frames))
        if self._bytes_left < 0 and not self.completer.ended:
            raise ResponseTooLarge(self._bytes_max)

    def _break_off(self, error: BackstoryError) -> None:
        if not self.log.entries:
            raise error
        self.log.append(*self.completer.fail(error))
        self._note(error)

    async def _finish(self, keep: Keep) -> None:
        """What is stored is what is sent: the log gets its last frame after the commit."""
        self._fill_record()
        try:
            await _whole(keep())
        except Unavailable:
            self._give_up(Unavailable("The response could not be stored."))
            return
        self.log.append(self.completer.last_frame())
        self.log.close()

    def _give_up(self, error: BackstoryError) -> None:
        """Nothing of this response is stored, and its client is told so."""
        self._note(error)
        if not self.log.entries:
            self.log.close(error)
            return
        try:
            self.log.append(*self.completer.fail(error), self.completer.last_frame())
        finally:
            self.log.close()  # whatever happens, nobody waits for ever

    def _note(self, error: BackstoryError) -> None:
        self.error = error
        self.call.record.error_code = error.code
        self.call.record.status = error.status
        self.call.record.total_ms = self.elapsed_ms()

    def _fill_record(self) -> None:
        record = self.call.record
        record.total_ms = self.elapsed_ms()
        record.model = self.resource["model"]
        if self.resource["status"] == "failed" and record.error_code is None:
            record.error_code = self.resource["error"]["code"]
        usage = msgspec.convert(self.resource["usage"] or {}, _Usage)
        if record.cache_status in ("HIT", "SEMANTIC", "COALESCED"):
            record.saved_tokens = usage.total_tokens
            return
        record.input_tokens = usage.input_tokens
        record.output_tokens = usage.output_tokens
        record.cached_tokens = usage.input_tokens_details.cached_tokens

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.call.started) * 1000


def _speaks(batch: Batch) -> bool:
    return any(event["type"] not in BEGINNINGS for event in batch)


async def _whole(work: Awaitable[None]) -> None:
    """What has begun to be stored is not cut off by a stop."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task})
    task.result()


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: int = 0


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: _InputDetails = _InputDetails()


class Runs:
    """All responses being made by this worker: bounded in number, waited for at the end."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()
        self._stored: dict[ResponseId, Run] = {}
        self._places = 0
        self.stopping = asyncio.Event()
        """Set when nothing new is to begin."""

    @property
    def count(self) -> int:
        return len(self._tasks)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keeps a place while a response is prepared. Raises TooManyRequests."""
        if self.count + self._places >= self._most:
            raise TooManyRequests(
                "Too many responses are being made at once.", headers={"Retry-After": "1"}
            )
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    @contextmanager
    def found(self, response_id: ResponseId, run: Run) -> Iterator[None]:
        """While it is made, a response can be found here by its id."""
        self._stored[response_id] = run
        try:
            yield
        finally:
            del self._stored[response_id]

    def find(self, response_id: ResponseId) -> Run | None:
        return self._stored.get(response_id)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self, seconds: float) -> None:
        """Lets what runs come to its end; stops and stores what takes longer."""
        self.stopping.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
