"""Reading an upload: the fields of a form, and a file that must be an image."""

import asyncio
import re
from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request

from app.blobs.inspect import inspect
from app.blobs.types import PURPOSES, Purpose, Upload
from app.config import Config
from app.errors import InvalidRequest
from app.web.form import Form, FormFile, read_form

FILENAME_LENGTH_MAX = 255
EXPIRES_SECONDS_MIN = 3_600
EXPIRES_SECONDS_MAX = 2_592_000
"""OpenAI's limits: from an hour to thirty days."""


class UploadForm(msgspec.Struct):
    """The fields of the form, as OpenAPI shows them."""

    file: bytes
    purpose: Purpose
    user: str | None = None
    anchor: str | None = msgspec.field(name="expires_after[anchor]", default=None)
    seconds: int | None = msgspec.field(name="expires_after[seconds]", default=None)


FIELDS = frozenset(UploadForm.__struct_encode_fields__)

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


async def read_upload(request: Request[Any, Any, Any], config: Config) -> Upload:
    """Raises InvalidRequest."""
    form = await read_form(request)
    if unknown := sorted(set(form) - FIELDS):
        message = f"The form's field '{unknown[0]}' is unknown."
        raise InvalidRequest(message, param=unknown[0], code="invalid_form")
    purpose, seconds, user = _purpose(form), _expires_after_seconds(form), _text(form, "user")
    file = form.get("file")
    if not isinstance(file, FormFile):
        raise _missing("file")
    return Upload(
        blob=await asyncio.to_thread(inspect, file.data, config, "file"),
        filename=_filename(file.filename),
        purpose=purpose,
        expires_after_seconds=seconds,
        user=user,
    )


def fingerprint(upload: Upload) -> bytes:
    """The same for the same upload, whatever boundary its form had."""
    said = (upload.filename, upload.purpose, upload.expires_after_seconds)
    return sha256(msgspec.json.encode(said)).digest() + upload.blob.sha256


def _text(form: Form, name: str) -> str | None:
    value = form.get(name)
    if isinstance(value, FormFile):
        raise _wrong(name, "a text, not a file")
    return value


def _purpose(form: Form) -> Purpose:
    given = _text(form, "purpose")
    if given is None:
        raise _missing("purpose")
    for purpose in PURPOSES:
        if given == purpose:
            return purpose
    raise InvalidRequest(
        "Files are images for 'vision' (or 'user_data'); other purposes are not supported.",
        param="purpose",
        code="unsupported_purpose",
    )


def _expires_after_seconds(form: Form) -> int | None:
    """Raises InvalidRequest."""
    anchor, seconds = _text(form, "expires_after[anchor]"), _text(form, "expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise _wrong("expires_after[anchor]", "'created_at'")
    digits = re.fullmatch(r"[0-9]{1,9}", seconds or "")
    number = int(digits[0]) if digits else 0
    if EXPIRES_SECONDS_MIN <= number <= EXPIRES_SECONDS_MAX:
        return number
    raise _wrong(
        "expires_after[seconds]", f"a number from {EXPIRES_SECONDS_MIN} to {EXPIRES_SECONDS_MAX}"
    )


def _filename(given: str) -> str:
    """Its last part, without what no name may hold."""
    name = re.split(r"[/\\]", _UNPRINTABLE.sub("", given))[-1].strip()
    return name[-FILENAME_LENGTH_MAX:] or "image"


def _missing(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def _wrong(param: str, expected: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid value for '{param}': expected {expected}.", param=param, code="invalid_value"
    )
