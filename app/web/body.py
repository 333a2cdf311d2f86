"""Decoding what clients send: one clear sentence, and the field it is about."""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody

from app.errors import InvalidRequest

T = TypeVar("T")

DEPTH_MAX = 256
JSON = "application/json"
MULTIPART = "multipart/form-data"

_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, not too deep for what reads it later. Raises InvalidRequest."""
    value = decode_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest("The body of the request must be a JSON object.", code="invalid_json")
    return value


def decode_json(
    body: bytes, depth_max: int = DEPTH_MAX, decoder: msgspec.json.Decoder[Any] = _ANY
) -> Any:
    """Whatever JSON a body holds. Raises InvalidRequest."""
    try:
        value = decoder.decode(body)
        _check_depth(value, depth_max)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"The body of the request could not be parsed as JSON: {error}.", code="invalid_json"
        ) from None
    return value


def _check_depth(value: Any, depth_max: int) -> None:
    """Raises RecursionError."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(depth_max):
        level = [
            child
            for outer in level
            for child in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise RecursionError(f"it is more than {depth_max} levels deep")


def convert(value: Any, into: type[T], within: str = "") -> T:
    """The value as a struct; errors name the field, below `within` where that is given."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        raise invalid(str(error), within) from None


def decode(body: bytes, into: type[T]) -> T:
    return convert(decode_object(body), into)


def takes(struct: type[Any], media_type: str = JSON) -> type[Operation]:
    """A route's `operation_class` for a body that it decodes itself, to have it in OpenAPI."""
    (schema,), components = msgspec.json.schema_components([struct], ref_template="{name}")

    @dataclass
    class Takes(Operation):
        def __post_init__(self) -> None:
            whole: Any = _inlined(schema, components)
            self.request_body = RequestBody({media_type: OpenAPIMediaType(whole)}, required=True)

    return Takes


def _inlined(schema: Any, components: dict[str, Any]) -> Any:
    """Without references: ours do not go in circles."""
    if isinstance(schema, list):
        return [_inlined(part, components) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(components[schema["$ref"]], components)
    return {name: _inlined(part, components) for name, part in schema.items()}


def invalid(message: str, within: str = "") -> InvalidRequest:
    """msgspec's sentence, with its `$.path` taken as OpenAI's `param`."""
    path = ""
    if found := _PATH.search(message):
        path = found["path"].lstrip(".")
        message = message[: found.start()]
    if named := re.search(r"(?:required|unknown) field `(\w+)`", message):
        path = f"{path}.{named[1]}".strip(".")
    param = f"{within}.{path}".strip(".").replace(".[", "[") or None
    where = f" for '{param}'" if param else ""
    return InvalidRequest(f"Invalid value{where}: {message}.", param=param, code="invalid_value")
