"""The standard, twice: the types of the openai package, and the Open Responses document.

Each knows things that the other does not, and both are of one moment: what is of a type that one
does not know is not held against it. Where the two contradict each other, OpenAI's name wins:
`differences.py` has all such places.
"""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
from openai.types.responses import Response, ResponseItem, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.support.differences import (
    DOCUMENT_ITEMS,
    EVENT_NAMES,
    OPENAI_ITEMS,
    for_openai,
    for_the_document,
    models_by_type,
)
from tests.support.lifecycle import Lifecycle

Json = dict[str, Any]

SPECIFICATION = Path("/work/shared/spec/open-responses-2026-04-24.openapi.json")
"""A reference that is not copied into the project; where it is not, OpenAI's types have to do."""


_EVENTS: dict[str, type[BaseModel]] = models_by_type(ResponseStreamEvent)
_listed_item: TypeAdapter[Any] = TypeAdapter(ResponseItem)


def check_response(response: Json) -> None:
    Response.model_validate(for_openai(response), strict=True)
    check_by_document("ResponseResource", response)


def check_events(events: list[Json]) -> None:
    """One response from its first event to its last."""
    lifecycle = Lifecycle()
    for event in events:
        check_event(event)
        lifecycle.take(event)
    assert lifecycle.ended


def check_event(event: Json) -> None:
    """One that nobody knows needs only its type and its number."""
    assert isinstance(event["type"], str), event
    assert isinstance(event["sequence_number"], int), event
    if "item" in event and event["item"].get("type") not in OPENAI_ITEMS:
        assert isinstance(event["item"]["id"], str), event
        return
    if model := _EVENTS.get(event["type"]):
        model.model_validate(for_openai(event))
    if schema := _document_events().get(EVENT_NAMES.get(event["type"], event["type"])):
        check_by_document(schema, event)
    if event.get("response"):
        check_response(event["response"])


def check_listed_item(item: Json) -> None:
    """An item of a list, of input or output."""
    assert isinstance(item["id"], str), item
    if item["type"] in OPENAI_ITEMS:
        _listed_item.validate_python(for_openai(item))
        if item["type"] in DOCUMENT_ITEMS:
            check_by_document("ItemField", item)


def check_by_document(schema: str, value: Json) -> None:
    if SPECIFICATION.exists():
        errors = _validator(schema).iter_errors(for_the_document(value))
        found = [f"{error.message} at {error.instance_path}" for error in errors]
        assert not found, (found, value)


@cache
def _schemas() -> Json:
    schemas: Json = msgspec.json.decode(SPECIFICATION.read_bytes())["components"]["schemas"]
    return schemas


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    root = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": _schemas()}}
    return jsonschema_rs.Draft202012Validator(root)


@cache
def _document_events() -> dict[str, str]:
    """The document's schemas for events, by type."""
    if not SPECIFICATION.exists():
        return {}
    return {
        schema["properties"]["type"]["enum"][0]: name
        for name, schema in _schemas().items()
        if name.endswith("StreamingEvent")
    }
