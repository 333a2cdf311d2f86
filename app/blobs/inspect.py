"""Finding out whether bytes are an image, and of which kind, whatever their sender says."""

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from app.blobs.types import Blob
from app.config import Config
from app.errors import InvalidRequest

MEDIA_TYPES: Mapping[str, str] = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}
"""What engines take, by Pillow's names; nothing else is even tried."""

Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and refuses where Pillow would only warn


def inspect(data: bytes, config: Config, param: str) -> Blob:
    """Raises InvalidRequest, with OpenAI's codes. Reads heads and checksums, and decodes no
    pixels: what would fill the memory is known by its head."""
    if not data:
        raise InvalidRequest("The image is empty.", param=param, code="empty_image_file")
    if len(data) > config.image_bytes_max:
        message = f"The image is larger than {config.image_bytes_max} bytes."
        raise InvalidRequest(message, param=param, code="image_file_too_large")
    kind, pixels = _read_head(data, param)
    if pixels > config.image_pixels_max:
        message = f"The image has more than {config.image_pixels_max} pixels."
        raise InvalidRequest(message, param=param, code="image_too_large")
    return Blob(sha256(data).digest(), MEDIA_TYPES[kind], data)


def _read_head(data: bytes, param: str) -> tuple[str, int]:
    """Pillow's name of the kind, and how many pixels."""
    try:
        with Image.open(BytesIO(data), formats=list(MEDIA_TYPES)) as image:
            kind, size = image.format, image.size
            image.verify()
    except UnidentifiedImageError:
        raise InvalidRequest(
            "The image is not a PNG, JPEG, GIF or WebP.", param=param, code="invalid_image_format"
        ) from None
    except Exception:  # a parser that meets foreign bytes fails in any way
        raise InvalidRequest(
            "The image is damaged.", param=param, code="image_parse_error"
        ) from None
    assert kind is not None
    return kind, size[0] * size[1]
