"""Looking ahead: settings, context, recall, the engine's request, the cache's plan."""

from hashlib import blake2b

import msgspec

from app.cache import exact
from app.cache.control import cache_headers, cache_options
from app.cache.types import CacheEntry, CacheOptions, CachePlan
from app.conversations.contents import Hasher, NewItem, canonical
from app.conversations.context import Context, resolve, whole_calls
from app.engine.types import EngineRequest, Item
from app.errors import Forbidden
from app.ids import PROJECT_ITSELF, ResponseId, UserId, new_id
from app.responses.flights import Flight
from app.responses.parts import Parts
from app.responses.recalled import MemoryPlan, Recollection, memory_plan, recollect
from app.responses.types import Call
from app.settings.types import GatewaySettings
from app.usage.types import CacheStatus
from app.web.principal import Scope


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


async def survey(parts: Parts, call: Call) -> Road:
    """Everything but the cache: settings, context, recall, the engine's request."""
    request = call.request
    context = await _context(parts, call)
    owner = None if context.user == PROJECT_ITSELF else context.user
    settings = await parts.settings.read(call.caller.project, owner)
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
        return Context(user=call.caller.owner)
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
