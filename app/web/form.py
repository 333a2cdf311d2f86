"""Reading multipart forms, in memory: what a client uploads is written to no temporary file."""

from io import BytesIO
from typing import Any

import msgspec
from litestar import Request
from multipart import MultipartError, MultipartParser, MultipartPart

from app.errors import InvalidRequest

PARTS_MAX = 32


class FormFile(msgspec.Struct, frozen=True):
    filename: str
    data: bytes


Form = dict[str, str | FormFile]


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """Every field once; the body is as large as any body may be. Raises InvalidRequest."""
    media_type, options = request.content_type
    boundary = options.get("boundary")
    if media_type != "multipart/form-data" or not boundary:
        raise _wrong("The body must be a form: multipart/form-data with its boundary.")
    body = await request.body()
    form: Form = {}
    for part in _parts(body, boundary):
        if part.name in form:
            raise _wrong(f"The form's field '{part.name}' is given twice.", part.name)
        form[part.name] = _value(part)
    return form


def _parts(body: bytes, boundary: str) -> list[MultipartPart]:
    size = len(body)
    parser = MultipartParser(
        BytesIO(body), boundary, part_limit=PARTS_MAX, spool_limit=size, memory_limit=size
    )
    try:
        parts: list[MultipartPart] = parser.parts()
    except (MultipartError, UnicodeError):
        raise _wrong("The body is no well-formed multipart form.") from None
    return parts


def _value(part: MultipartPart) -> str | FormFile:
    data: bytes = part.raw
    if part.filename:
        return FormFile(part.filename, data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        message = f"The form's field '{part.name}' is no UTF-8, and has no filename."
        raise _wrong(message, part.name) from None


def _wrong(message: str, param: str | None = None) -> InvalidRequest:
    return InvalidRequest(message, param=param, code="invalid_form")
