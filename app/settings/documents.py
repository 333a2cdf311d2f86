"""Values as bytes of JSON: whether one may be kept, one merged into another, one laid over another.

Nothing here turns a number into Python's and back, so that a value is what its client sent.
"""

from typing import Any

import msgspec

from app.config import Config
from app.errors import InvalidRequest, TooLarge
from app.web.body import decode_json

_NULL = b"null"
_fields: msgspec.json.Decoder[dict[str, msgspec.Raw]]
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=str)
"""Of numbers that are larger than Python's too."""


def checked(body: bytes, config: Config) -> bytes:
    """A value that may be kept. Raises TooLarge or InvalidRequest."""
    document = body.strip()
    if len(document) > config.setting_bytes_max:
        raise TooLarge(f"A setting may have at most {config.setting_bytes_max} bytes.")
    if _holds_nul(decode_json(document, config.setting_depth_max, _any)):
        raise InvalidRequest("A setting may not hold a NUL character.", code="invalid_value")
    return document


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def merged(target: bytes | None, patch: bytes) -> bytes:
    """By RFC 7396: null takes a field away, and what is no object takes the place of all."""
    if not is_object(patch):
        return patch
    fields = _fields.decode(target) if target is not None and is_object(target) else {}
    for name, change in _fields.decode(patch).items():
        if bytes(change) == _NULL:
            fields.pop(name, None)
        else:
            fields[name] = msgspec.Raw(merged(_bytes(fields.get(name)), bytes(change)))
    return msgspec.json.encode(fields)


def overlaid(below: bytes, above: bytes) -> bytes:
    """Of two objects the fields of both, each whole, the upper's first; else the upper."""
    if not (is_object(below) and is_object(above)):
        return above
    return msgspec.json.encode(_fields.decode(below) | _fields.decode(above))


def is_object(document: bytes) -> bool:
    return document.lstrip()[:1] == b"{"


def _bytes(field: msgspec.Raw | None) -> bytes | None:
    return None if field is None else bytes(field)
