"""Engine calls that no client waits for: each bounded, and each a line of the request log."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import msgspec

from app.engine.types import Engine, EngineRequest, Event
from app.engine_keys.keys import EngineKeys
from app.errors import (
    EngineBroken,
    EngineError,
    EngineTimeout,
    EngineUnavailable,
    EngineUnreachable,
    Unavailable,
)
from app.ids import RequestId, created_at, new_id
from app.jobs.types import Job
from app.usage.record import RequestLog
from app.usage.types import RequestRecord

ANSWER_CHARS_MAX = 500_000


class Answer(msgspec.Struct, frozen=True):
    text: str
    whole: bool
    """False where it was cut off, by the limit on its tokens most likely."""


class Errands:
    def __init__(self, engine: Engine, request_log: RequestLog, keys: EngineKeys) -> None:
        self.engine = engine
        self.keys = keys
        self._request_log = request_log

    async def ask(
        self, job: Job, purpose: str, request: EngineRequest, seconds_max: float
    ) -> Answer:
        """What the engine says, in full. Raises EngineError. The log has a line of every call that
        was made: none while the engine is left in peace."""
        line = _line(job, purpose, request.model, self.engine.name)
        started = time.perf_counter()
        secret = await self.keys.read(job.project_id)
        request = msgspec.structs.replace(request, secret=secret)
        try:
            return await self._listen(request, line, seconds_max)
        except EngineError as error:
            line.status, line.error_code = error.status, error.code
            raise
        finally:
            line.total_ms = (time.perf_counter() - started) * 1000
            if line.error_code != EngineUnavailable.code:
                self._request_log.add(line)

    async def _listen(
        self, request: EngineRequest, line: RequestRecord, seconds_max: float
    ) -> Answer:
        try:
            async with asyncio.timeout(seconds_max):
                return await _whole_answer(self.engine, request, line)
        except TimeoutError:
            raise EngineTimeout(f"The engine did not answer within {seconds_max:g} s.") from None


@contextmanager
def waiting_for_engine() -> Iterator[None]:
    """Work that comes while the engine is away waits for it, and no attempt counts. Raises
    Unavailable."""
    try:
        yield
    except (EngineUnreachable, EngineUnavailable) as error:
        raise Unavailable(error.message) from error


async def _whole_answer(engine: Engine, request: EngineRequest, line: RequestRecord) -> Answer:
    deltas: list[str] = []
    chars = 0
    async with aclosing(engine.stream(request)) as batches:
        async for batch in batches:
            for event in batch:
                if event["type"] == "response.output_text.delta":
                    deltas.append(str(event.get("delta") or ""))
                    chars += len(deltas[-1])
                elif event["type"] in ("response.completed", "response.incomplete"):
                    return _answer(deltas, event, line)
                elif event["type"] in ("response.failed", "error"):
                    raise _failure(event)
            if chars > ANSWER_CHARS_MAX:
                raise EngineBroken(f"The engine said more than {ANSWER_CHARS_MAX} characters.")
    raise EngineBroken("The engine ended its stream before its answer was complete.")


def _answer(deltas: list[str], event: Event, line: RequestRecord) -> Answer:
    response = _object(event.get("response"))
    usage = _object(response.get("usage"))
    line.input_tokens = _count(usage.get("input_tokens"))
    line.output_tokens = _count(usage.get("output_tokens"))
    text = "".join(deltas) or _told(response)
    return Answer(text, whole=event["type"] == "response.completed")


def _told(response: dict[str, Any]) -> str:
    """Of an engine that sent no deltas."""
    return "".join(
        str(part.get("text") or "")
        for item in response.get("output") or []
        if _object(item).get("type") == "message"
        for part in item.get("content") or []
        if _object(part).get("type") == "output_text"
    )


def _failure(event: Event) -> EngineBroken:
    error = _object(event.get("response")).get("error") or event.get("error") or event
    return EngineBroken(f"The engine failed: {_object(error).get('message')}")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _line(job: Job, purpose: str, model: str, engine: str) -> RequestRecord:
    request_id = RequestId(new_id())
    return RequestRecord(
        project_id=job.project_id,
        created_at=created_at(request_id),
        request_id=request_id,
        user_id=job.user_id,
        key_id=None,
        endpoint=job.topic,
        purpose=purpose,
        model=model,
        engine=engine,
    )
