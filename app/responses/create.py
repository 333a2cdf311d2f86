"""The main road: context, cache, engine, commit."""

import time
from collections.abc import AsyncGenerator
from itertools import islice

from app.cache import exact
from app.cache.types import CacheEntry, CachePlan
from app.conversations.context import Context
from app.engine.types import Batch
from app.errors import OnlyIfCached
from app.ids import id_text
from app.responses.commit import TurnPlan
from app.responses.complete import ENDS, Completer
from app.responses.conduct import conduct, flight_key, land, turn_plan
from app.responses.fitting import fitted
from app.responses.log import unpack
from app.responses.metered import metered, reserved
from app.responses.parts import Parts
from app.responses.resource import new_resource
from app.responses.run import Run
from app.responses.running import Answer
from app.responses.survey import Road, survey
from app.responses.types import Call, CreateRequest

REPLAYED_AT_ONCE = 1000
"""Events of a stored log that are decoded and sent in one go."""


async def create(parts: Parts, call: Call) -> Answer:
    """Returns when the response has begun. Raises what kept it from beginning."""
    with parts.runs.place():
        road = await survey(parts, call)
        await _look_into_cache(parts, road)
        road.spending = await reserved(parts, road)
        run = _depart(parts, road)
        plan = turn_plan(road)
        if call.request.background:
            await _begin_in_background(parts, road, run, plan)
        call.take_record()
        task = parts.runs.start(conduct(parts, road, run, plan))
    answer = Answer(run, task, road.headers, _finishes_alone(road))
    await answer.while_client_waits(run.log.begun(), call.client_left)
    return answer


async def _begin_in_background(parts: Parts, road: Road, run: Run, plan: TurnPlan) -> None:
    """Raises Unavailable where it could not be made known; then nobody reads its engine call."""
    run.begin()
    try:
        await parts.leases.open(run, plan, road.call.claim)
    except BaseException:
        land(parts, road)
        if road.spending and road.flight is None:
            road.spending.settle(None)
        raise


def _finishes_alone(road: Road) -> bool:
    """Whether it is made to its end when its client leaves."""
    request = road.call.request
    return request.background or (request.store and road.settings.on_disconnect == "finish")


async def _look_into_cache(parts: Parts, road: Road) -> None:
    plan, control = road.cache, road.call.request.cache_control
    if plan and plan.read:
        road.entry = await _find_entry(parts, road, plan)
    if road.entry:
        road.status = "HIT"
    elif control.only_if_cached:
        raise OnlyIfCached("Nothing is cached for this request, and only-if-cached was asked.")
    elif plan:
        road.status = "MISS"


async def _find_entry(parts: Parts, road: Road, plan: CachePlan) -> CacheEntry | None:
    """Looks again where a flight landed meanwhile: its entry may have come after the look."""
    while True:
        landings = parts.flights.landings
        entry = await exact.look_up(parts.database, road.call.caller.project, plan)
        if entry or not parts.flights.landed_since(flight_key(road), landings):
            return entry


def _depart(parts: Parts, road: Road) -> Run:
    request, context = road.call.request, road.context
    events = _events(parts, road)
    road.call.record.cache_status = road.status
    road.call.record.engine = parts.engine.name if road.status in (None, "MISS") else None
    road.call.record.stream = request.stream
    road.call.record.model = request.fields.model
    road.call.record.response_id = road.response_id if request.store else None
    resource = new_resource(
        request,
        road.response_id,
        int(time.time()),
        previous_response=_shown_previous(request, context),
        conversation=context.conversation,
    )
    if recalled := road.recollection.memory_ids:
        resource["recalled"] = [id_text("mem", memory_id) for memory_id in recalled]
    completer = Completer(resource, request.parameters)
    return Run(road.call, completer, events, bytes_max=parts.config.response_bytes_max)


def _shown_previous(request: CreateRequest, context: Context) -> str | None:
    if request.fields.previous_response_id and context.parent:
        return id_text("resp", context.parent)
    return request.continued_here


def _events(parts: Parts, road: Road) -> AsyncGenerator[Batch]:
    """From the cache, from an identical call on its way, or from the engine."""
    if not road.call.request.generate:
        return _nothing()
    if road.entry:
        return _replay(road.entry)
    if not road.shared:
        return _engine_events(parts, road)
    road.flight, leads = parts.flights.join(flight_key(road), lambda: _engine_events(parts, road))
    if not leads:
        road.status = "COALESCED"
        if road.spending:
            road.spending.settle(None)
    return road.flight.follow()


def _engine_events(parts: Parts, road: Road) -> AsyncGenerator[Batch]:
    if road.fit:
        return metered(parts, road, fitted(parts, road.fit, road.engine_request))
    return metered(parts, road, parts.engine.stream(road.engine_request))


async def _nothing() -> AsyncGenerator[Batch]:
    """Of a request that only prepares what is to be continued."""
    yield [{"type": "response.completed", "response": {"usage": {}}}]


async def _replay(entry: CacheEntry) -> AsyncGenerator[Batch]:
    """A stored log, as if the engine said it again, with the usage that it had."""
    events = unpack(entry.events)
    while batch := list(islice(events, REPLAYED_AT_ONCE)):
        if batch[-1]["type"] in ENDS:
            batch[-1]["response"] = {"usage": entry.usage, "model": entry.model}
        yield batch
