"""What an answer may cost: reserved before the engine is asked, counted while it speaks."""

from collections.abc import AsyncGenerator

from app.contexts.weights import by_length, weigh_request
from app.engine.types import Batch, EngineRequest
from app.errors import BackstoryError
from app.limits.meter import Meter
from app.limits.spending import Spending, reserve
from app.limits.usage import Usage
from app.responses.conduct import flight_key
from app.responses.parts import Parts
from app.responses.survey import Road


async def reserved(parts: Parts, road: Road) -> Spending | None:
    """None where nothing is limited, or another pays. Raises TooManyRequests, or Unavailable."""
    allowance = road.call.allowance
    if allowance is None or not allowance.limits_calls or not _asks_engine(parts, road):
        return None
    return await reserve(allowance, road.engine_request.model, _expected(parts, road))


def metered(parts: Parts, road: Road, events: AsyncGenerator[Batch]) -> AsyncGenerator[Batch]:
    """The engine's events, as far as they are paid for."""
    if road.spending is None:
        return events

    def note(error: BackstoryError) -> None:
        road.call.record.error_code = error.code

    step = None if _output_max(road.engine_request) else parts.config.limit_output_tokens
    return Meter(road.spending, step, note).watch(events)


def _asks_engine(parts: Parts, road: Road) -> bool:
    if road.entry or not road.call.request.generate:
        return False
    return not (road.shared and parts.flights.find(flight_key(road)))


def _expected(parts: Parts, road: Road) -> Usage:
    """Of the input an estimate; of the output as much as it may be, or so much at first."""
    known = road.fit.tokens if road.fit else None
    output = _output_max(road.engine_request) or parts.config.limit_output_tokens
    return Usage(known or weigh_request(road.engine_request, by_length), output)


def _output_max(request: EngineRequest) -> int | None:
    """Where the engine itself was told to end."""
    most: int | None = request.parameters.get("max_output_tokens")
    return most
