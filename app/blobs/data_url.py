"""Data URLs (RFC 2397): the bytes in them."""

import base64
import binascii

from app.errors import InvalidRequest

SCHEME = "data:"
HEAD_LENGTH_MAX = 200


def is_data_url(url: str) -> bool:
    return url[: len(SCHEME)].lower() == SCHEME


def bytes_of(url: str, param: str) -> bytes:
    """Raises InvalidRequest, with OpenAI's codes. Of its media type only that it is an image's
    counts: many clients say another than the one that it is."""
    head, comma, text = url[len(SCHEME) :].partition(",")
    media_type, _, encoding = head.lower().rpartition(";")
    if not comma or len(head) > HEAD_LENGTH_MAX or encoding.strip() != "base64":
        message = "A data URL must be as in 'data:image/png;base64,…'."
        raise InvalidRequest(message, param=param, code="invalid_image_url")
    if not media_type.startswith("image/"):
        message = f"'{media_type}' is not the media type of an image."
        raise InvalidRequest(message, param=param, code="unsupported_image_media_type")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        message = "The data URL's base64 is not valid."
        raise InvalidRequest(message, param=param, code="invalid_base64_image") from None


def data_url(media_type: str, data: bytes) -> str:
    return f"{SCHEME}{media_type};base64,{base64.b64encode(data).decode()}"
