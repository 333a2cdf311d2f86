"""What the headers of requests and answers say, beside those of HTTP itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.web.idempotency import KEY_LENGTH_MAX

Schema = dict[str, Any]
Header = dict[str, Any]
Headers = dict[str, dict[str, str]]

SETTING = ("/v1/settings/{key}", "/v1/users/{user}/settings/{key}")
WRITTEN_SETTINGS = [f"{method} {path}" for method in ("PUT", "PATCH") for path in SETTING]
CHANGED_SETTINGS = [*WRITTEN_SETTINGS, *(f"DELETE {path}" for path in SETTING)]
READ_SETTINGS = [f"GET {path}" for path in SETTING]
MEMORY = "/v1/memories/{memory_id}"
CREATING = ["POST /v1/responses", "POST /v1/chat/completions"]
REPEATED = [
    *CREATING,
    "POST /v1/conversations",
    "POST /v1/conversations/{conversation_id}",
    "POST /v1/conversations/{conversation_id}/fork",
    "POST /v1/conversations/{conversation_id}/items",
    "POST /v1/files",
    "POST /v1/memories",
    "POST /v1/projects",
    *CHANGED_SETTINGS,
]
LIMITED = [
    *CREATING,
    "POST /v1/embeddings",
    "POST /v1/responses/compact",
    "POST /v1/responses/input_tokens",
]
DOWNLOADED = [
    "GET /v1/conversations/{conversation_id}/export",
    "GET /v1/files/{file_id}/content",
    "GET /v1/memories/export",
]

# What requests say

JSON_TEXT: Schema = {"type": "string", "contentMediaType": "application/json"}
TAGS: Schema = {"type": "string", "examples": ['"3"', "*"]}


def _taken(name: str, description: str, schema: Schema) -> Header:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }


TAKEN: dict[str, Header] = {
    "Idempotency-Key": _taken(
        "Idempotency-Key",
        "The same body gets the answer that it got before; another body is refused.",
        {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX},
    ),
    "If-Match": _taken("If-Match", "Only if what is there has such a version.", TAGS),
    "If-None-Match": _taken("If-None-Match", "Only if what is there has no such version.", TAGS),
    "Cache-Control": _taken(
        "Cache-Control",
        "Of the cache of outputs: `no-store`, `no-cache`, `only-if-cached`, `max-age`.",
        {"type": "string", "examples": ["no-store", "max-age=60"]},
    ),
    "Backstory-Memory": _taken("Backstory-Memory", "The same as the body's `memory`.", JSON_TEXT),
    "Backstory-Cache": _taken("Backstory-Cache", "The same as the body's `cache`.", JSON_TEXT),
}

TAKEN_BY = {
    "Idempotency-Key": REPEATED,
    "If-Match": [f"PATCH {MEMORY}", *CHANGED_SETTINGS],
    "If-None-Match": [*READ_SETTINGS, *CHANGED_SETTINGS],
    "Cache-Control": CREATING,
    "Backstory-Memory": CREATING,
    "Backstory-Cache": CREATING,
}


def taken_by(route: str) -> Iterator[dict[str, str]]:
    for name, routes in TAKEN_BY.items():
        if route in routes:
            yield {"$ref": f"#/components/parameters/{name}"}


# What answers say


def _given(description: str, pattern: str | None = None, *, required: bool = False) -> Header:
    schema: Schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return {"description": description, "required": required, "schema": schema}


GIVEN: dict[str, Header] = {
    "X-Request-Id": _given("The request's id.", "^req_[0-9a-f]{32}$", required=True),
    "Retry-After": _given("How many seconds to wait.", "^[0-9]+(\\.[0-9]+)?$"),
    "ETag": _given("The version, where it has one of its own.", '^"[0-9]+"$'),
    "Content-Disposition": _given("The file's name.", "^attachment; ", required=True),
    "Cache-Status": _given("What the cache of outputs did (RFC 9211).", "^backstory; "),
    "Backstory-Conversation": _given("The conversation it is in.", "^conv_[0-9a-f]{32}$"),
    **{
        f"X-RateLimit-{what}-{measure}": _given(f"{said}, where they are limited.")
        for measure in ("Requests", "Tokens")
        for what, said in (
            ("Limit", f"How many {measure.lower()} there may be"),
            ("Remaining", f"How many {measure.lower()} are left"),
            ("Reset", f"How long it takes until all {measure.lower()} are there again"),
        )
    },
}
RATES = [name for name in GIVEN if name.startswith("X-RateLimit-")]

GIVEN_BY: Mapping[str, list[str]] = {
    "ETag": [
        f"GET {MEMORY}",
        f"PATCH {MEMORY}",
        *READ_SETTINGS,
        *WRITTEN_SETTINGS,
    ],
    "Content-Disposition": DOWNLOADED,
    "Cache-Status": CREATING,
    "Backstory-Conversation": CREATING,
    **dict.fromkeys(RATES, LIMITED),
}


def given_by(route: str) -> Headers:
    """Of an answer that all went well."""
    names = [name for name, routes in GIVEN_BY.items() if route in routes]
    return _refs("X-Request-Id", *names)


def given_with(status: int) -> Headers:
    """Of an error."""
    return _refs("X-Request-Id", *(["Retry-After"] if status in (429, 503) else []))


def _refs(*names: str) -> Headers:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
