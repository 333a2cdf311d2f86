"""/v1/settings: of the one who speaks, the project itself or a user; and of a user by name."""

from typing import Any

from litestar import Request, Response, delete, get, patch, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.config import Config
from app.db.database import Database
from app.errors import UnsupportedMediaType
from app.identity.users import Users
from app.settings import change, show
from app.settings.change import Change, Changing, Condition
from app.settings.documents import checked
from app.settings.show import check_key
from app.settings.types import DeletedSetting, Setting
from app.web.body import takes
from app.web.etags import etag, names
from app.web.idempotency import HEADER, claim_for
from app.web.pages import Page, page_query
from app.web.principal import Access, Caller, Scope, guarded

SETTINGS = guarded(Access.SESSION, Scope.SETTINGS)
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
OWN = "/v1/settings/{key:str}"
OF_USER = "/v1/users/{user:str}/settings/{key:str}"

Asking = Request[Any, Any, Any]


@get(["/v1/settings", "/v1/users/{user:str}/settings"], opt=SETTINGS)
async def list_settings(
    request: Asking,
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> Page:
    """All that the project has, or a user of their own, by key."""
    query = page_query(request.query_params, config.list_limit_max, order="asc")
    return await show.list_settings(database, await _caller(request, users), query)


@get([OWN, OF_USER], opt=SETTINGS)
async def get_setting(
    request: Asking,
    key: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
) -> Response[Setting | None]:
    """Of a user: their value over the project's. A project's that is known is 304."""
    caller = await _caller(request, users)
    found = await show.get_setting(database, caller, check_key(key))
    known = request.headers.get("if-none-match")
    # A user's version says nothing of what the project has below.
    if known and caller.user is None and names(known, [found.version]):
        return Response(None, status_code=304, headers={"ETag": etag(found.version)})
    return _tagged(found)


@put([OWN, OF_USER], opt=SETTINGS, status_code=200, operation_class=takes(Any))
async def put_setting(
    request: Asking,
    key: FromPath[str],
    users: NamedDependency[Users],
    changing: NamedDependency[Changing],
) -> Response[Setting]:
    """The body is the value itself, any JSON."""
    make = change.put(await request.body())
    return _tagged(await change.change_setting(changing, await _change(request, users, key), make))


@patch([OWN, OF_USER], opt=SETTINGS, status_code=200, operation_class=takes(Any, MERGE_PATCH))
async def patch_setting(
    request: Asking,
    key: FromPath[str],
    users: NamedDependency[Users],
    changing: NamedDependency[Changing],
) -> Response[Setting]:
    """The body is a JSON merge patch (RFC 7396): null takes a field away."""
    if request.content_type[0] == JSON_PATCH:
        raise UnsupportedMediaType(f"A setting is patched by {MERGE_PATCH} (RFC 7396).")
    make = change.merge(checked(await request.body(), changing.config))
    return _tagged(await change.change_setting(changing, await _change(request, users, key), make))


@delete([OWN, OF_USER], opt=SETTINGS, status_code=200)
async def delete_setting(
    request: Asking,
    key: FromPath[str],
    users: NamedDependency[Users],
    changing: NamedDependency[Changing],
) -> DeletedSetting:
    """Of a user: the project's value holds for them again."""
    return await change.delete_setting(changing, await _change(request, users, key))


@get([f"{OWN}/history", f"{OF_USER}/history"], opt=SETTINGS)
async def list_setting_versions(
    request: Asking,
    key: FromPath[str],
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> Page:
    """What a setting is and was, the newest version first."""
    query = page_query(request.query_params, config.list_limit_max)
    return await show.list_versions(database, await _caller(request, users), check_key(key), query)


@get("/v1/settings-changes", opt=SETTINGS)
async def list_setting_changes(
    request: Asking,
    database: NamedDependency[Database],
    users: NamedDependency[Users],
    config: NamedDependency[Config],
) -> Page:
    """What was changed after the change named by `after`, in order."""
    caller = await _caller(request, users, everyone_allowed=True)
    return await show.list_changes(database, users, config, caller, request.query_params)


async def _change(request: Asking, users: Users, key: str) -> Change:
    """The same Idempotency-Key for another method or key is another request."""
    check_key(key)
    caller, headers = await _caller(request, users), request.headers
    claim = None
    if sent := headers.get(HEADER):
        what = f"{request.method} {key}\n".encode() + await request.body()
        claim = claim_for(caller.principal, sent, what, caller.external_id)
    condition = Condition(headers.get("if-match"), headers.get("if-none-match"))
    return Change(caller, key, condition, claim)


async def _caller(request: Asking, users: Users, *, everyone_allowed: bool = False) -> Caller:
    """For the user whom the path names; else as everywhere."""
    if user := request.path_params.get("user"):
        return await users.caller_at(request, user)
    return await users.caller_of(request, everyone_allowed=everyone_allowed)


def _tagged(setting: Setting) -> Response[Any]:
    """The version as the ETag, for `If-Match`; none where the value is the project's."""
    return Response(setting, headers={"ETag": etag(setting.version)} if setting.version else {})


ROUTES = [
    list_settings,
    get_setting,
    put_setting,
    patch_setting,
    delete_setting,
    list_setting_versions,
    list_setting_changes,
]
