"""Reading what a client asks: every mistake is told with the field that it is in."""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.cache.control import parse_cache_control
from app.config import Config
from app.conversations.contents import item_type
from app.engine.types import Item
from app.errors import InvalidRequest
from app.responses.types import CreateRequest, Parameters, ResponseFields
from app.web.body import convert, decode_object

OURS = frozenset(ResponseFields.__struct_fields__)
ROLES = frozenset({"user", "assistant", "system", "developer"})
NUMBER_DIGITS_MAX = 9
OWN_HEADERS = {"memory": "backstory-memory", "cache": "backstory-cache"}


def read_request(body: bytes, headers: Mapping[str, str], config: Config) -> CreateRequest:
    """Raises InvalidRequest."""
    document = decode_object(body)
    _take_headers(document, headers)
    fields = convert(document, ResponseFields)
    convert(document, Parameters)
    _check_combination(fields)
    return CreateRequest(
        fields=fields,
        items=_items(fields, config.items_per_request_max),
        parameters={
            name: value
            for name, value in document.items()
            if name not in OURS and value is not None
        },
        conversation=_conversation_id(fields.conversation),
        cache_control=parse_cache_control(headers.get("cache-control")),
    )


def starting_after(text: str | None) -> int:
    """The number of the last event that a client has; -1 is none. Raises InvalidRequest."""
    if text is None:
        return -1
    if not text.isdecimal() or len(text) > NUMBER_DIGITS_MAX:
        raise _wrong("starting_after", "the sequence number of an event")
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


def _check_combination(fields: ResponseFields) -> None:
    if fields.background:
        raise InvalidRequest(
            "Background responses are not supported yet.",
            param="background",
            code="unsupported_parameter",
        )


def _conversation_id(value: str | dict[str, Any] | None) -> str | None:
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
    if len(given) > most:
        raise InvalidRequest(
            f"'input' may hold at most {most} items.", param="input", code="array_above_max_length"
        )
    for index, item in enumerate(given):
        _check_item(item, f"input[{index}]")
    return given


def _nothing_new(fields: ResponseFields) -> list[Item]:
    """What is continued can be enough."""
    if fields.previous_response_id or fields.conversation:
        return []
    raise InvalidRequest(
        "Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
    )


def _check_item(item: Item, at: str) -> None:
    type_ = item.get("type")
    if type_ is not None and (not isinstance(type_, str) or "\x00" in type_):
        raise _wrong(f"{at}.type", "the name of a type")
    match item_type(item):
        case "message":
            _check_message(item, at)
        case "function_call":
            _need_texts(item, ("call_id", "name", "arguments"), at)
        case "function_call_output":
            _need_texts(item, ("call_id",), at)
            if not isinstance(item.get("output"), (str, list)):
                raise _wrong(f"{at}.output", "a string or a list of parts")


def _check_message(item: Item, at: str) -> None:
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise _wrong(f"{at}.role", "one of 'user', 'assistant', 'system' and 'developer'")
    content = item.get("content")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise _wrong(f"{at}.content", "a string or a list of parts")
    for index, part in enumerate(content):
        _check_part(part, f"{at}.content[{index}]")


def _check_part(part: Any, at: str) -> None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise _wrong(at, "a part with a 'type'")
    match part["type"]:
        case "input_text" | "output_text":
            _need_texts(part, ("text",), at)
        case "input_image":
            if not isinstance(part.get("image_url") or part.get("file_id"), str):
                raise _wrong(f"{at}.image_url", "a URL, or 'file_id' the id of a file")


def _need_texts(value: dict[str, Any], names: tuple[str, ...], at: str) -> None:
    for name in names:
        if not isinstance(value.get(name), str):
            raise _wrong(f"{at}.{name}", "a string")


def _wrong(param: str, expected: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid value for '{param}': expected {expected}.", param=param, code="invalid_value"
    )
