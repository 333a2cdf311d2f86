"""Decoding what clients send: one clear sentence, and the field it is about."""

import re
from typing import Any, TypeVar

import msgspec

from app.errors import InvalidRequest

T = TypeVar("T")

_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises InvalidRequest."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The body of the request could not be parsed as JSON: {error}.", code="invalid_json"
        ) from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body of the request must be a JSON object.", code="invalid_json")
    return value


def convert(value: Any, into: type[T], within: str = "") -> T:
    """The value as a struct; errors name the field, below `within` where that is given."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        raise invalid(str(error), within) from None


def decode(body: bytes, into: type[T]) -> T:
    return convert(decode_object(body), into)


def invalid(message: str, within: str = "") -> InvalidRequest:
    """msgspec's sentence, with its `$.path` taken as OpenAI's `param`."""
    path = ""
    if found := _PATH.search(message):
        path = found["path"].lstrip(".")
        message = message[: found.start()]
    elif missing := re.search(r"required field `(\w+)`", message):
        path = missing[1]
    param = f"{within}.{path}".strip(".").replace(".[", "[") or None
    where = f" for '{param}'" if param else ""
    return InvalidRequest(f"Invalid value{where}: {message}.", param=param, code="invalid_value")
