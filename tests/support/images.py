"""Small images, each unlike any other, and all that can be wrong with one."""

import base64
from io import BytesIO
from uuid import uuid4

from PIL import Image

KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}


def image(kind: str = "PNG", size: tuple[int, int] = (8, 8)) -> bytes:
    """An image that nobody else has."""
    picture = Image.new("RGB", size)
    for place, value in enumerate(uuid4().bytes):
        picture.putpixel((place % size[0], place // size[0] % size[1]), (value, value, value))
    written = BytesIO()
    picture.save(written, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return written.getvalue()


def large_image(size_bytes: int) -> bytes:
    """A PNG of so many bytes and a few: what follows its end is no part of the picture."""
    return image() + uuid4().bytes * (size_bytes // 16)


def bomb() -> bytes:
    """256 million pixels in 31 KB."""
    written = BytesIO()
    Image.new("1", (16_000, 16_000)).save(written, "PNG")
    return written.getvalue()


def data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def shown(url: str | None = None, **fields: str) -> dict[str, str]:
    """An image part."""
    where = {} if url is None else {"image_url": url}
    return {"type": "input_image", **where, **fields}


def saying(text: str, *parts: dict[str, str]) -> list[dict[str, object]]:
    """The input of a turn: a message with images."""
    return [{"role": "user", "content": [{"type": "input_text", "text": text}, *parts]}]
