"""The main road: context, cache, engine, commit."""

import time
from collections.abc import AsyncGenerator
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from app.cache import exact
from app.cache.control import cache_headers, cache_options
from app.cache.types import CacheEntry, CacheOptions, CachePlan
from app.conversations.contents import Hasher, NewItem, canonical
from app.conversations.context import Context, resolve, whole_calls
from app.engine.types import EngineRequest, Event, Item
from app.errors import Forbidden, OnlyIfCached, TooManyRequests
from app.ids import PROJECT_ITSELF, ResponseId, UserId, id_text, new_id
from app.responses.commit import Turn, commit
from app.responses.complete import ENDS, Completer
from app.responses.flights import Flight
from app.responses.log import pack, unpack
from app.responses.parts import Parts
from app.responses.recalled import MemoryPlan, Recollection, memory_plan, recollect
from app.responses.resource import new_resource
from app.responses.run import Run
from app.responses.running import Answer
from app.responses.types import Call
from app.settings.types import GatewaySettings
from app.usage.types import CacheStatus
from app.web.idempotency import held
from app.web.principal import Scope

HASH_DIGITS = 32


class Road(msgspec.Struct, kw_only=True):
    """All that is known of a response before its first event."""

    call: Call
    settings: GatewaySettings
    response_id: ResponseId
    context: Context
    hasher: Hasher
    inputs: list[NewItem]
    memory: MemoryPlan
    recollection: Recollection
    engine_request: EngineRequest
    cache: CachePlan | None
    entry: CacheEntry | None = None
    flight: Flight | None = None
    status: CacheStatus | None = None

    @property
    def headers(self) -> dict[str, str]:
        if self.entry:
            return cache_headers(
                self.status,
                age_seconds=exact.age_seconds(self.entry),
                ttl_seconds=exact.ttl_left_seconds(self.entry),
            )
        return cache_headers(self.status, stored=bool(self.cache and self.cache.write))


async def create(parts: Parts, call: Call) -> Answer:
    """Returns when the response has begun. Raises what kept it from beginning."""
    if parts.runs.full:
        raise TooManyRequests(
            "Too many responses are being made at once.", headers={"Retry-After": "1"}
        )
    road = await _survey(parts, call)
    await _look_into_cache(parts, road)
    run = _depart(parts, road)
    call.take_record()
    task = parts.runs.start(_conduct(parts, road, run))
    finish = call.request.store and road.settings.on_disconnect == "finish"
    answer = Answer(run, task, road.headers, finish)
    await run.log.begun()
    return answer


async def _survey(parts: Parts, call: Call) -> Road:
    """Everything but the cache: settings, context, recall, the engine's request."""
    request = call.request
    settings = await parts.settings.read(call.caller.project, call.caller.user)
    context = await _context(parts, call)
    call.record.user_id = context.user
    memory = memory_plan(request, settings.memory)
    recollection = await recollect(parts, call.caller.project, context, request.items, memory)
    engine_request = EngineRequest(
        model=request.fields.model,
        input=_engine_input(context, request.items, recollection.items),
        instructions=request.fields.instructions,
        parameters=request.parameters,
        user=_engine_user(parts, context.user),
    )
    hasher = Hasher(parts.keys.contents, call.caller.project, context.user)
    return Road(
        call=call,
        settings=settings,
        response_id=ResponseId(new_id()),
        context=context,
        hasher=hasher,
        inputs=[hasher.item(item) for item in request.items] if request.store else [],
        memory=memory,
        recollection=recollection,
        engine_request=engine_request,
        cache=_cache_plan(parts, call, settings, context.user, engine_request),
    )


async def _context(parts: Parts, call: Call) -> Context:
    fields, conversation = call.request.fields, call.request.conversation
    if not fields.previous_response_id and not conversation:
        return Context(user=call.caller.user or PROJECT_ITSELF)
    async with parts.database.tenant(call.caller.project) as conn:
        return await resolve(
            conn,
            call.caller,
            previous_response=fields.previous_response_id,
            conversation=conversation,
            items_max=parts.config.context_items_max,
        )


def _engine_input(context: Context, new: list[Item], recalled: list[Item]) -> list[Item]:
    """What was said before, then what is new, in one form; recalled memories before the last
    user message."""
    before = [item.body for item in whole_calls(context.items)]
    now = [canonical(item) for item in new]
    users = [index for index, item in enumerate(now) if item.get("role") == "user"]
    place = users[-1] if users else len(now)
    return before + now[:place] + recalled + now[place:]


def _engine_user(parts: Parts, user: UserId) -> str | None:
    """The engine may tell users apart, but not who they are."""
    if user == PROJECT_ITSELF:
        return None
    return blake2b(user.bytes, key=parts.keys.users, digest_size=16).hexdigest()


def _cache_plan(
    parts: Parts,
    call: Call,
    settings: GatewaySettings,
    user: UserId,
    engine_request: EngineRequest,
) -> CachePlan | None:
    request = call.request
    options = cache_options(
        request.fields.cache,
        settings.cache,
        deterministic=request.parameters.get("temperature") == 0,
        within="cache",
    )
    if options is None:
        return None
    _check_namespace(call, options)
    return exact.plan(
        parts.keys.cache,
        parts.engine.name,
        engine_request,
        user,
        options,
        request.cache_control,
        ttl_seconds=int(parts.config.cache_ttl_seconds),
        store=request.store,
    )


def _check_namespace(call: Call, options: CacheOptions) -> None:
    if options.namespace and Scope.CACHE not in call.caller.principal.scopes:
        raise Forbidden("This key does not have the scope 'cache' that a namespace needs.")


async def _look_into_cache(parts: Parts, road: Road) -> None:
    plan, control = road.cache, road.call.request.cache_control
    if plan and plan.read:
        road.entry = await exact.look_up(parts.database, road.call.caller.project, plan)
    if road.entry:
        road.status = "HIT"
    elif control.only_if_cached:
        raise OnlyIfCached("Nothing is cached for this request, and only-if-cached was asked.")
    elif plan:
        road.status = "MISS"


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
        previous_response=ResponseId(context.parent)
        if request.fields.previous_response_id and context.parent
        else None,
        conversation=context.conversation,
    )
    if recalled := road.recollection.memory_ids:
        resource["recalled"] = [id_text("mem", memory_id) for memory_id in recalled]
    return Run(road.call, Completer(resource, request.parameters), events)


def _events(parts: Parts, road: Road) -> AsyncGenerator[Event]:
    """From the cache, from an identical call on its way, or from the engine."""
    if road.entry:
        return _replay(road.entry)
    if road.cache is None or not road.cache.read:
        return parts.engine.stream(road.engine_request)
    road.flight, leads = parts.flights.join(
        _flight_key(road), lambda: parts.engine.stream(road.engine_request)
    )
    if not leads:
        road.status = "COALESCED"
    return road.flight.follow()


def _flight_key(road: Road) -> tuple[Any, ...]:
    assert road.cache is not None
    plan = road.cache
    return (road.call.caller.project, plan.user, plan.namespace, plan.key)


async def _replay(entry: CacheEntry) -> AsyncGenerator[Event]:
    """A stored log, as if the engine said it again, with the usage that it had."""
    for event in unpack(entry.events):
        if event["type"] in ENDS:
            event["response"] = {"usage": entry.usage, "model": entry.model}
        yield event


async def _conduct(parts: Parts, road: Road, run: Run) -> None:
    """The flight lands when its output is stored, or failed: from then on it can be found."""
    try:
        async with held(parts.database, road.call.claim):
            await run.execute(lambda: _store(parts, road, run))
    finally:
        if road.flight and road.status != "COALESCED":
            parts.flights.land(_flight_key(road), road.flight)
        if not run.stored:
            parts.request_log.add(road.call.record)


async def _store(parts: Parts, road: Road, run: Run) -> None:
    """Raises Unavailable where the turn could not be made durable."""
    if not road.call.request.store:
        return
    turn = Turn(
        call=road.call,
        context=road.context,
        hasher=road.hasher,
        response_id=road.response_id,
        resource=run.resource,
        inputs=road.inputs,
        outputs=run.completer.output_items(),
        log_id=_log_id(road),
        events=None if road.entry else pack([*run.log.entries, run.completer.last_frame()]),
        recalled=road.recollection.memory_ids,
        remember=road.memory.remember,
        cache=road.cache if road.status == "MISS" else None,
    )
    await commit(parts.database, turn, retry_seconds=parts.config.commit_retry_seconds)
    run.stored = True
    if road.memory.remember:
        parts.jobs.wake("remember_turn")


def _log_id(road: Road) -> UUID:
    return road.entry.log_id if road.entry else road.response_id
