"""What answers are made of where a route hands on bytes: Litestar sees no type there."""

from typing import Any

from app.blobs.inspect import MEDIA_TYPES
from app.web.body import JSON

Schema = dict[str, Any]
Content = dict[str, dict[str, Schema]]

EVENTS, NDJSON, MARKDOWN = "text/event-stream", "application/x-ndjson", "text/markdown"
TEXT: Schema = {"type": "string"}
BYTES: Schema = {"type": "string", "format": "binary"}


def _object(*required: str, **properties: Schema) -> Schema:
    found = {name: properties.get(name, {}) for name in (*required, *properties)}
    return {"type": "object", "required": list(required), "properties": found}


def _const(value: str) -> Schema:
    return {"type": "string", "const": value}


SCHEMAS: dict[str, Schema] = {
    "Error": _object(
        "error",
        error=_object(
            *("message", "type", "param", "code"),
            message=TEXT,
            type=TEXT,
            param={"type": ["string", "null"]},
            code={"type": ["string", "null"]},
        ),
    ),
    "Response": _object(
        *("id", "object", "created_at", "status", "model", "output", "error", "usage"),
        *("incomplete_details", "instructions", "metadata", "previous_response_id"),
        *("parallel_tool_calls", "store", "temperature", "tool_choice", "tools", "top_p"),
        id=TEXT,
        object=_const("response"),
        created_at={"type": "number"},
        status={
            "type": "string",
            "enum": ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"],
        },
        model=TEXT,
        output={"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
    ),
    "Item": _object("type", type=TEXT),
    "ChatCompletion": _object(
        *("id", "object", "created", "model", "choices"),
        id=TEXT,
        object=_const("chat.completion"),
        created={"type": "integer"},
        model=TEXT,
        choices={"type": "array", "items": {"type": "object"}},
    ),
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


ERROR: Content = {JSON: {"schema": _ref("Error")}}
EVENT: Schema = _object("data", event=TEXT, data=TEXT)
"""One of a stream, as it stands between two empty lines."""
RESPONSE: Content = {JSON: {"schema": _ref("Response")}}
STREAMED: Content = {**RESPONSE, EVENTS: {"schema": EVENT}}
COMPLETION: Content = {JSON: {"schema": _ref("ChatCompletion")}}

ANSWERS: dict[str, Content] = {
    "POST /v1/responses": STREAMED,
    "GET /v1/responses/{response_id}": STREAMED,
    "POST /v1/responses/{response_id}/cancel": RESPONSE,
    "POST /v1/chat/completions": {**COMPLETION, EVENTS: {"schema": EVENT}},
    "GET /v1/chat/completions/{completion_id}": COMPLETION,
    "GET /v1/conversations/{conversation_id}/items/{item_id}": {JSON: {"schema": _ref("Item")}},
    "GET /v1/conversations/{conversation_id}/export": {
        JSON: {"schema": {"type": "object"}},
        MARKDOWN: {"schema": TEXT},
    },
    "GET /v1/memories/export": {NDJSON: {"schema": TEXT}},
    "GET /v1/files/{file_id}/content": {kind: {"schema": BYTES} for kind in MEDIA_TYPES.values()},
}
