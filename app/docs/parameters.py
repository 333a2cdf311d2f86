"""What routes take in their query, beside what stands in their paths and bodies.

Routes read their query themselves, so that an error names the parameter in our words: Litestar
cannot know it. A meta test holds these names to those that the code asks for.
"""

from collections.abc import Iterator
from typing import Any, get_args

from app.conversations.export import Format as ExportFormat
from app.ids import id_start
from app.memory.types import Kind
from app.transfer.formats import Format as ImportFormat
from app.web.pages import Order
from app.web.principal import Access

Schema = dict[str, Any]
Parameter = dict[str, Any]

NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 512}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "string", "enum": ["true", "false"]}
TIME: Schema = {
    "type": "string",
    "description": "RFC 3339, or seconds since 1970.",
    "examples": ["2026-05-01T00:00:00Z", "1777593600"],
}


def _id(prefix: str) -> Schema:
    return {"type": "string", "pattern": f"^{id_start(prefix)}[0-9a-f]{{32}}$"}


def _one_of(values: tuple[str, ...]) -> Schema:
    return {"type": "string", "enum": list(values)}


LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
PROJECT = {"project": _id("proj")}
STRETCH = {"start": TIME, "end": TIME}
INCLUDE: dict[str, Schema] = {"include": {"type": "array", "items": TEXT}}


def _pages(cursor: Schema = TEXT, **more: Schema) -> dict[str, Schema]:
    paging = {"limit": LIMIT, "order": _one_of(get_args(Order)), "after": cursor, "before": cursor}
    return {**paging, **more}


MEMORIES = _pages(
    _id("mem"),
    kind=_one_of(get_args(Kind)),
    conversation=_id("conv"),
    episode=NAME,
    expiring_before=TIME,
)

QUERIES: dict[str, dict[str, Schema]] = {
    "GET /v1/responses/{response_id}": {
        "stream": FLAG,
        "starting_after": {"type": "integer", "minimum": 0},
        **INCLUDE,
    },
    "GET /v1/responses/{response_id}/input_items": _pages(),
    "GET /v1/chat/completions/{completion_id}/messages": _pages(),
    "GET /v1/conversations": _pages(_id("conv"), query=TEXT),
    "GET /v1/conversations/{conversation_id}/export": {"format": _one_of(get_args(ExportFormat))},
    "GET /v1/conversations/{conversation_id}/items": _pages(**INCLUDE),
    "POST /v1/conversations/{conversation_id}/items": INCLUDE,
    "GET /v1/conversations/{conversation_id}/items/{item_id}": INCLUDE,
    "GET /v1/files": _pages(_id("file"), purpose=TEXT),
    "GET /v1/memories": MEMORIES,
    "GET /v1/memories/stats": {"expiring_before": TIME},
    "GET /v1/memories/{memory_id}/history": _pages(),
    "GET /v1/users/{user}/memories": MEMORIES,
    "GET /v1/memories/export": {"vectors": FLAG},
    "POST /v1/memories/import": {
        "format": _one_of(get_args(ImportFormat)),
        "reassign": FLAG,
        "conversation": _id("conv"),
        "episode": NAME,
    },
    "GET /v1/memories/quality": STRETCH,
    "GET /v1/users/{user}/profile": {"token_budget": {"type": "integer", "minimum": 1}},
    "GET /v1/settings": _pages(),
    "GET /v1/users/{user}/settings": _pages(),
    "GET /v1/settings/{key}/history": _pages(),
    "GET /v1/users/{user}/settings/{key}/history": _pages(),
    "GET /v1/settings-changes": {"limit": LIMIT, "after": TEXT},
    "GET /v1/users": _pages(email=TEXT),
    "GET /v1/requests": _pages(
        _id("req"),
        model=TEXT,
        status={"type": "string", "pattern": "^[0-9]{3}$"},
        endpoint=TEXT,
        cache_status=TEXT,
        **STRETCH,
    ),
    "GET /v1/analytics/summary": STRETCH,
    "GET /v1/engine_key": PROJECT,
    "PUT /v1/engine_key": PROJECT,
    "DELETE /v1/engine_key": PROJECT,
    "GET /v1/projects": _pages(_id("proj")),
    "POST /v1/api_keys": PROJECT,
    "GET /v1/api_keys": _pages(_id("key"), **PROJECT),
    "GET /v1/api_keys/{key_id}": PROJECT,
    "PATCH /v1/api_keys/{key_id}": PROJECT,
    "DELETE /v1/api_keys/{key_id}": PROJECT,
    "POST /v1/api_keys/{key_id}/rotate": PROJECT,
    "GET /v1/api_keys/{key_id}/limits": PROJECT,
    "PUT /v1/api_keys/{key_id}/limits": PROJECT,
    "DELETE /v1/api_keys/{key_id}/limits": PROJECT,
    "GET /v1/audit": _pages(
        _id("audit"), event=TEXT, actor=TEXT, subject=TEXT, since=TIME, until=TIME, **PROJECT
    ),
}
"""By route; the user may be named on every one that speaks for users."""

FOR_USERS = (Access.SESSION, Access.KEY)


def parameters_of(route: str, access: Access) -> Iterator[Parameter]:
    for name, schema in QUERIES.get(route, {}).items():
        yield {"name": name, "in": "query", "required": False, "schema": schema}
    if access in FOR_USERS:
        yield {"$ref": "#/components/parameters/user"}
        yield {"$ref": "#/components/parameters/Backstory-User"}


SHARED: dict[str, Parameter] = {
    "user": {
        "name": "user",
        "in": "query",
        "required": False,
        "description": "The user, by your own name for them, whom a key speaks for.",
        "schema": NAME,
    },
    "Backstory-User": {
        "name": "Backstory-User",
        "in": "header",
        "required": False,
        "description": "The same as `user`.",
        "schema": NAME,
    },
}
