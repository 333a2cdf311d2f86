"""Looking ahead: settings, context, recall, the engine's request, the cache's plan."""

from hashlib import blake2b

import msgspec

from app.blobs.parts import as_asked
from app.blobs.take import NewImages
from app.cache import exact
from app.cache.control import cache_headers, cache_options
from app.cache.types import CacheEntry, CacheOptions, CachePlan
from app.contexts.compacted import with_recalled
from app.conversations.contents import Hasher, NewItem, canonical, item_type
from app.conversations.context import Context, resolve, whole_calls
from app.conversations.references import with_references
from app.conversations.thread import begin_thread, find_thread
from app.engine.types import EngineRequest, Item
from app.errors import Forbidden
from app.ids import PROJECT_ITSELF, ProjectId, ResponseId, UserId, id_text, new_id
from app.limits.spending import Spending
from app.responses.fitting import Fit, Turn, plan_fit
from app.responses.flights import Flight
from app.responses.native import continued
from app.responses.opened import Opened, opened
from app.responses.parts import Parts
from app.responses.recalled import MemoryPlan, Recollection, memory_plan, recollect
from app.responses.types import Call, CreateRequest
from app.settings.models import check_model
from app.settings.types import GatewaySettings
from app.usage.types import CacheStatus
from app.web.principal import Caller, Scope


class Road(msgspec.Struct, kw_only=True):
    """All that is known of a response before its first event."""

    call: Call
    settings: GatewaySettings
    response_id: ResponseId
    context: Context
    hasher: Hasher
    images: NewImages
    inputs: list[NewItem]
    memory: MemoryPlan
    recollection: Recollection
    engine_request: EngineRequest
    fit: Fit | None
    cache: CachePlan | None
    entry: CacheEntry | None = None
    flight: Flight | None = None
    status: CacheStatus | None = None
    spending: Spending | None = None
    """What the engine may cost, where that is limited."""

    @property
    def shared(self) -> bool:
        """Whether identical calls at once are one."""
        return self.cache is not None and self.cache.read

    @property
    def headers(self) -> dict[str, str]:
        return {**self._cache_headers, **conversation_header(self.context)}

    @property
    def _cache_headers(self) -> dict[str, str]:
        if self.entry:
            return cache_headers(
                self.status,
                age_seconds=exact.age_seconds(self.entry),
                ttl_seconds=exact.ttl_left_seconds(self.entry),
            )
        return cache_headers(self.status, stored=bool(self.cache and self.cache.write))


def conversation_header(context: Context) -> dict[str, str]:
    """The only word of it to a client that did not name one."""
    conversation = context.conversation
    return {"Backstory-Conversation": id_text("conv", conversation)} if conversation else {}


async def survey(parts: Parts, call: Call) -> Road:
    """Everything but the cache: settings, context, recall, the engine's request."""
    request = call.request
    await check_model(parts.settings, call.caller.principal, request.fields.model)
    images = await parts.images.take(call.caller, request.items)
    request.items = await with_references(
        parts.database, call.caller, images.items, parts.config.body_bytes_max
    )
    seen = await opened(parts, call.caller.project, await _context(parts, call), request.items)
    context = seen.context
    owner = None if context.user == PROJECT_ITSELF else context.user
    settings = await parts.settings.read(call.caller.project, owner)
    call.record.user_id = context.user
    memory = memory_plan(request, settings.memory)
    recollection = await recollect(parts, call.caller.project, context, request.items, memory)
    hasher = Hasher(parts.keys.contents, call.caller.project, context.user)
    new = request.items[context.resent or 0 :] if request.store else []
    inputs = [hasher.item(item) for item in new]
    bare = await engine_request(parts, call.caller.project, request, seen, images)
    turn = Turn([item.item_id for item in inputs], recollection.items, images)
    fit = await plan_fit(parts, call, settings, seen, bare, turn)
    asked = msgspec.structs.replace(bare, input=with_recalled(bare.input, recollection.items))
    if not (fit or seen.compacted):
        asked = await continued(parts, call, context, recollection.items, asked)
    return Road(
        call=call,
        settings=settings,
        response_id=ResponseId(new_id()),
        context=context,
        hasher=hasher,
        images=images,
        inputs=inputs,
        memory=memory,
        recollection=recollection,
        engine_request=asked,
        fit=fit,
        cache=None
        if fit and fit.compacts
        else _cache_plan(parts, call, settings, context.user, asked),
    )


async def engine_request(
    parts: Parts, project: ProjectId, request: CreateRequest, seen: Opened, images: NewImages
) -> EngineRequest:
    """What was said before, then what is new, in one form."""
    before = [item.body for item in whole_calls(seen.context.items, seen.new)]
    asked = [as_asked(item) for item in (*before, *(canonical(item) for item in seen.new))]
    return EngineRequest(
        model=request.fields.model,
        input=asked,
        images=parts.images.of_turn(project, seen.context.user, asked, images),
        instructions=request.fields.instructions,
        parameters=request.parameters,
        user=_engine_user(parts, seen.context.user),
        secret=await parts.engine_keys.read(project),
    )


async def _context(parts: Parts, call: Call) -> Context:
    found = await named_context(parts, call.caller, call.request)
    return found or await _resent_context(parts, call)


async def named_context(parts: Parts, caller: Caller, request: CreateRequest) -> Context | None:
    """What a request names to continue. Raises what says that it can't be."""
    previous, conversation = request.fields.previous_response_id, request.conversation
    if not previous and not conversation:
        return None
    async with parts.database.tenant(caller.project) as conn:
        return await resolve(
            conn,
            caller,
            previous_response=previous,
            conversation=conversation,
            items_max=parts.config.context_items_max,
        )


async def _resent_context(parts: Parts, call: Call) -> Context:
    """Of a request that names nothing to continue. It may hold all that was said before."""
    request, caller = call.request, call.caller
    if not request.store:
        return Context(user=caller.owner)
    hasher = Hasher(parts.keys.contents, caller.project, caller.owner)
    beginning = hasher.beginning(request.parameters.get("prompt_cache_key"))
    if any(_answered(item) for item in request.items):
        items = [hasher.item(item) for item in request.items]
        async with parts.database.tenant(caller.project) as conn:
            return await find_thread(conn, caller, beginning, items)
    if request.threaded:
        return begin_thread(caller, beginning)
    return Context(user=caller.owner, history_hash=beginning)


def _answered(item: Item) -> bool:
    return item.get("role") == "assistant" or item_type(item) == "function_call"


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
    options = _within_scope(call, options)
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


def _within_scope(call: Call, options: CacheOptions) -> CacheOptions:
    """Who may not share a namespace may not ask for one; where the project's setting names it, they
    have their own entries. Raises Forbidden."""
    if not options.namespace or Scope.CACHE in call.caller.principal.scopes:
        return options
    if call.request.fields.cache is not None:
        raise Forbidden("This key does not have the scope 'cache' that a namespace needs.")
    return msgspec.structs.replace(options, namespace=None)
