"""Reading what a client asks: every mistake is told with the field that it is in."""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.cache.control import parse_cache_control
from app.config import Config
from app.conversations.given import check_items, wrong
from app.engine.types import Item
from app.errors import InvalidRequest
from app.responses.types import (
    CreateRequest,
    FunctionTool,
    JsonSchemaFormat,
    Parameters,
    ResponseFields,
)
from app.web.body import convert, decode_object

OURS = frozenset(ResponseFields.__struct_fields__)
NUMBER_DIGITS_MAX = 9
OWN_HEADERS = {"memory": "backstory-memory", "cache": "backstory-cache"}


def read_request(body: bytes, headers: Mapping[str, str], config: Config) -> CreateRequest:
    """Raises InvalidRequest."""
    return read_document(decode_object(body), headers, config)


def read_document(
    document: dict[str, Any], headers: Mapping[str, str], config: Config
) -> CreateRequest:
    """Raises InvalidRequest."""
    _take_headers(document, headers)
    fields = convert(document, ResponseFields)
    _check_parameters(document)
    _check_combination(fields)
    return CreateRequest(
        fields=fields,
        items=_items(fields, config.items_per_request_max),
        parameters={
            name: value
            for name, value in document.items()
            if name not in OURS and value is not None
        },
        conversation=conversation_id(fields.conversation),
        cache_control=parse_cache_control(headers.get("cache-control")),
    )


def starting_after(text: str | None) -> int:
    """The number of the last event that a client has; -1 is none. Raises InvalidRequest."""
    if text is None:
        return -1
    if not text.isdecimal() or len(text) > NUMBER_DIGITS_MAX:
        raise wrong("starting_after", "the sequence number of an event")
    return int(text)


def _take_headers(document: dict[str, Any], headers: Mapping[str, str]) -> None:
    """For clients that can only send headers: the same JSON as in the body, which wins."""
    for name, header in OWN_HEADERS.items():
        if name in document or header not in headers:
            continue
        try:
            document[name] = msgspec.json.decode(headers[header])
        except msgspec.DecodeError:
            raise InvalidRequest(f"The header '{header}' must hold JSON.", param=name) from None


def _check_parameters(document: dict[str, Any]) -> None:
    """Their types, where we know them: what we do not know is the engine's to judge."""
    convert(document, Parameters)
    format_ = (document.get("text") or {}).get("format")
    if format_ and format_["type"] == "json_schema":
        convert(format_, JsonSchemaFormat, "text.format")
    for index, tool in enumerate(document.get("tools") or []):
        if tool["type"] == "function":
            convert(tool, FunctionTool, f"tools[{index}]")


def _check_combination(fields: ResponseFields) -> None:
    if fields.background and fields.store is False:
        raise InvalidRequest(
            "'background' needs 'store': its answer is read from the store.",
            param="background",
            code="invalid_value",
        )


def conversation_id(value: str | dict[str, Any] | None) -> str | None:
    if isinstance(value, dict):
        value = value.get("id")
        if not isinstance(value, str):
            raise InvalidRequest("'conversation' must have an 'id'.", param="conversation.id")
    return value


def _items(fields: ResponseFields, most: int) -> list[Item]:
    given = fields.input
    if given is msgspec.UNSET:
        return _nothing_new(fields)
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    if not given:
        raise InvalidRequest("'input' must hold at least one item.", param="input")
    check_items(given, "input", most)
    return given


def _nothing_new(fields: ResponseFields) -> list[Item]:
    """What is continued can be enough."""
    if fields.previous_response_id or fields.conversation:
        return []
    raise InvalidRequest(
        "Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
    )
