"""Every route, from outside: no key no entry, no scope no entry, and docs for everybody."""

import pytest

from app.web.principal import Access, Scope
from tests.meta.test_routes import ALL
from tests.support.api import Api
from tests.support.rows import new_key
from tests.support.service import Service

ROUTES = [
    (method, path.replace("{", "").replace("}", ""), handler.opt["access"], handler.opt["scope"])
    for method, path, handler in ALL
    if method != "WS"  # test_socket.py knocks there
]
IDS = [f"{method} {path}" for method, path, *_ in ROUTES]


@pytest.mark.parametrize(
    ("method", "path", "access", "scope"),
    ROUTES,
    ids=[f"{method} {path}" for method, path, *_ in ROUTES],
)
async def test_who_may_enter(
    backstory: Service, api: Api, method: str, path: str, access: Access, scope: Scope | None
) -> None:
    stranger = await api.with_key(None).send(method, path)
    if access is Access.PUBLIC:
        assert stranger.status == 200
        return
    assert stranger.status == 401
    assert stranger.error["code"] == "missing_api_key"
    if access is Access.USER:
        reply = await api.send(method, path)
        assert (reply.status, reply.error["code"]) == (403, "insufficient_permissions")
        return
    assert scope is not None
    all_but_it = [other.value for other in Scope if other not in (scope, Scope.ADMIN)]
    reply = await api.with_key(await new_key(backstory, *all_but_it)).send(method, path)
    assert reply.status == 403
    assert reply.error["code"] == "insufficient_permissions"
    reply = await api.with_key(await new_key(backstory, scope.value)).send(method, path)
    assert reply.status not in (401, 403)


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/models", "/v1/memories", "/docs"])
async def test_what_the_framework_adds_is_for_nobody(api: Api, path: str) -> None:
    """A method that no list of ours names stays closed, whatever is in the key."""
    head = await api.send("HEAD", path)
    assert head.status == 405
    assert not head.raw
    for speaker, status in ((api, 403), (api.with_key(None), 401)):
        assert (await speaker.send("OPTIONS", path)).status == status
