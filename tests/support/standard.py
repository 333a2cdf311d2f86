"""The standard, twice: the types of the openai package, and the Open Responses document."""

from pathlib import Path
from typing import Any, get_args

import msgspec
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

SPECIFICATION = Path("/work/shared/spec/open-responses-2026-04-24.openapi.json")
"""A reference that is not copied into the project; where it is not, OpenAI's types have to do."""

RESPONSE_FIELDS = frozenset(
    {
        *("id", "object", "created_at", "completed_at", "status", "incomplete_details", "model"),
        *("previous_response_id", "instructions", "output", "error", "tools", "tool_choice"),
        *("truncation", "parallel_tool_calls", "text", "top_p", "presence_penalty"),
        *("frequency_penalty", "top_logprobs", "temperature", "reasoning", "usage"),
        *("max_output_tokens", "max_tool_calls", "store", "background", "service_tier"),
        *("metadata", "safety_identifier", "prompt_cache_key"),
    }
)
"""What Open Responses requires of every response."""

BEGINNINGS = {
    False: ["response.created", "response.in_progress"],
    True: ["response.created", "response.queued", "response.in_progress"],
}
"""The first events, by whether the response is made in the background."""
END_OF = {
    "completed": "response.completed",
    "incomplete": "response.incomplete",
    "failed": "response.failed",
    "cancelled": "response.incomplete",
}

_EVENTS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(ResponseStreamEvent)[0])
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def check_response(response: dict[str, Any]) -> None:
    assert response.keys() >= RESPONSE_FIELDS
    Response.model_validate(_with_a_known_code(response), strict=True)
    assert not _document_errors("ResponseResource", response)


def check_events(events: list[dict[str, Any]]) -> None:
    """Each of its type, numbered without gaps, begun and ended as the standard says."""
    for event in events:
        response = event.get("response")
        known = event if response is None else event | {"response": _with_a_known_code(response)}
        _EVENTS[event["type"]].model_validate(known)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    began = BEGINNINGS[events[0]["response"]["background"]]
    assert [event["type"] for event in events[: len(began)]] == began
    assert events[-1]["type"] == END_OF[events[-1]["response"]["status"]]
    for event in (events[0], events[1], events[-1]):
        check_response(event["response"])
    _check_items(events)


def _with_a_known_code(response: dict[str, Any]) -> dict[str, Any]:
    """Our error codes say more than OpenAI's list; its type takes only what is in the list."""
    if response["error"] is None:
        return response
    return response | {"error": response["error"] | {"code": "server_error"}}


def _check_items(events: list[dict[str, Any]]) -> None:
    """Each output item is added and done under the id that it has in the response."""
    output = [item["id"] for item in events[-1]["response"]["output"]]
    added = [e["item"]["id"] for e in events if e["type"] == "response.output_item.added"]
    assert added == output
    assert {event["item_id"] for event in events if "item_id" in event} <= set(output)
    done = {e["item"]["id"]: e["item"] for e in events if e["type"] == "response.output_item.done"}
    for item in events[-1]["response"]["output"]:
        assert item == done.get(item["id"], item)


def _document_errors(name: str, value: Any) -> list[str]:
    """What the document finds wrong; the few keywords that it uses are enough."""
    if not SPECIFICATION.exists():
        return []
    schemas = msgspec.json.decode(SPECIFICATION.read_bytes())["components"]["schemas"]
    return _errors(schemas, schemas[name], value, "$")


def _errors(schemas: dict[str, Any], schema: dict[str, Any], value: Any, at: str) -> list[str]:
    if reference := schema.get("$ref"):
        return _errors(schemas, schemas[reference.rpartition("/")[2]], value, at)
    found = [e for part in schema.get("allOf", []) for e in _errors(schemas, part, value, at)]
    for choice in ("anyOf", "oneOf"):
        if choices := schema.get(choice):
            tried: list[list[str]] = [_errors(schemas, part, value, at) for part in choices]
            fewest = min(tried, key=len)
            found += fewest
    return found + _own_errors(schemas, schema, value, at)


def _own_errors(schemas: dict[str, Any], schema: dict[str, Any], value: Any, at: str) -> list[str]:
    if "type" in schema and not _is_of_type(schema["type"], value):
        return [f"{at}: {value!r} is no {schema['type']}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if isinstance(value, dict):
        found += [f"{at}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, part in schema.get("properties", {}).items():
            if name in value:
                found += _errors(schemas, part, value[name], f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += _errors(schemas, schema["items"], item, f"{at}[{index}]")
    return found


def _is_of_type(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])
