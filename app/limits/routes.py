"""What a key or a user may spend: /v1/api_keys/{key_id}/limits and /v1/users/{user}/limits."""

from typing import Any

from litestar import Request, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.identity.administration import admin_of
from app.limits import change
from app.limits.change import Limiting, Place
from app.limits.types import DeletedLimits, LimitsOf
from app.web.address import address_of
from app.web.body import decode, takes
from app.web.limits import Limits
from app.web.principal import Access, Scope, guarded

OF_KEY = "/v1/api_keys/{key_id:str}/limits"
OF_USER = "/v1/users/{user:str}/limits"
ADMIN = guarded(Access.ADMIN, Scope.ADMIN)
USERS = guarded(Access.KEY, Scope.USERS)

Asking = Request[Any, Any, Any]


@get(OF_KEY, opt=ADMIN)
async def get_key_limits(
    request: Asking, key_id: FromPath[str], limiting: NamedDependency[Limiting]
) -> LimitsOf:
    return await change.get_key_limits(limiting, admin_of(request), _place(request, key_id))


@put(OF_KEY, opt=ADMIN, status_code=200, operation_class=takes(Limits))
async def put_key_limits(
    request: Asking, key_id: FromPath[str], limiting: NamedDependency[Limiting]
) -> LimitsOf:
    limits = decode(await request.body(), Limits)
    place = _place(request, key_id)
    return await change.set_key_limits(limiting, admin_of(request), place, limits)


@delete(OF_KEY, opt=ADMIN, status_code=200)
async def delete_key_limits(
    request: Asking, key_id: FromPath[str], limiting: NamedDependency[Limiting]
) -> DeletedLimits:
    return await change.delete_key_limits(limiting, admin_of(request), _place(request, key_id))


@get(OF_USER, opt=USERS)
async def get_user_limits(
    request: Asking, user: FromPath[str], limiting: NamedDependency[Limiting]
) -> LimitsOf:
    caller = await limiting.users.caller_at(request, user)
    return await change.get_user_limits(limiting, caller)


@put(OF_USER, opt=USERS, status_code=200, operation_class=takes(Limits))
async def put_user_limits(
    request: Asking, user: FromPath[str], limiting: NamedDependency[Limiting]
) -> LimitsOf:
    limits = decode(await request.body(), Limits)
    caller = await limiting.users.caller_at(request, user)
    return await change.set_user_limits(limiting, caller, limits, address_of(request.scope))


@delete(OF_USER, opt=USERS, status_code=200)
async def delete_user_limits(
    request: Asking, user: FromPath[str], limiting: NamedDependency[Limiting]
) -> DeletedLimits:
    caller = await limiting.users.caller_at(request, user)
    return await change.delete_user_limits(limiting, caller, address_of(request.scope))


def _place(request: Asking, key: str) -> Place:
    return Place(key, request.query_params.get("project"))


ROUTES = [
    get_key_limits,
    put_key_limits,
    delete_key_limits,
    get_user_limits,
    put_user_limits,
    delete_user_limits,
]
