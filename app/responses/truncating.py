"""An engine's events, of as much of the context as it takes: `truncation: "auto"`."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
import structlog

from app.contexts.truncate import room_for_input, truncated
from app.engine.failures import too_long_by_event
from app.engine.types import Batch, EngineRequest, Event
from app.errors import EngineRefused
from app.responses.complete import BEGINNINGS
from app.responses.parts import Parts
from app.responses.size import Size, measured

log = structlog.get_logger()

REFUSALS_MAX = 6
"""How often the rest is halved: a context of 64 times the window fits then."""
TOO_LONG = "context_length_exceeded"


async def stream_truncated(
    parts: Parts, request: EngineRequest, size: Size | None, window: int | None
) -> AsyncGenerator[Batch]:
    """Raises EngineRefused where even the least that can be sent is too much."""
    request = _without_truncation(request)
    if size and window:
        request = _shortened(request, size, _room(request, window))
    for refusals in range(REFUSALS_MAX + 1):
        begun = False
        try:
            async with aclosing(_begun(parts, request)) as batches:
                async for batch in batches:
                    begun = True
                    yield batch
        except EngineRefused as refusal:
            if begun or refusal.code != TOO_LONG or refusals == REFUSALS_MAX:
                raise
            shorter = _shorter(parts, request, refusal)
            if len(shorter.input) == len(request.input):
                raise
            log.info("context.truncated", left_out=len(request.input) - len(shorter.input))
            request = shorter
        else:
            return


async def _begun(parts: Parts, request: EngineRequest) -> AsyncGenerator[Batch]:
    """From the first event that says something: an engine may refuse after it began."""
    waiting: list[Event] = []
    async with aclosing(parts.engine.stream(request)) as batches:
        async for batch in batches:
            waiting += batch
            said = next((event for event in waiting if event["type"] not in BEGINNINGS), None)
            if said is None:
                continue
            if refusal := too_long_by_event(said):
                raise refusal
            yield waiting
            waiting = []
            break
        async for batch in batches:
            yield batch
    if waiting:
        yield waiting


def _shorter(parts: Parts, request: EngineRequest, refusal: EngineRefused) -> EngineRequest:
    """As the refusal tells, or half of it."""
    size = measured(request)
    budget = size.tokens / 2
    window = parts.windows.learn(request.model, refusal.message)
    if window and _room(request, window) < size.tokens:
        budget = max(budget, _room(request, window))
    return _shortened(request, size, budget)


def _room(request: EngineRequest, window: int) -> int:
    asked = request.parameters.get("max_output_tokens")
    return room_for_input(window, asked if isinstance(asked, int) else None)


def _shortened(request: EngineRequest, size: Size, budget: float) -> EngineRequest:
    left = truncated(request.input, size.weights, budget - size.frame)
    return msgspec.structs.replace(request, input=left)


def _without_truncation(request: EngineRequest) -> EngineRequest:
    """We leave out whole turns; an engine of the same mind would cut calls from their outputs."""
    parameters = {n: value for n, value in request.parameters.items() if n != "truncation"}
    return msgspec.structs.replace(request, parameters=parameters)
