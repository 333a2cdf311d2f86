"""What the test engine takes for an image: what it can fetch or decode by itself, and no more."""

import base64
from collections.abc import Iterator
from typing import Any

from tests.support.engine_events import Json

HEADS = frozenset(f"data:image/{kind}" for kind in ("png", "jpeg", "gif", "webp"))
KNOWN = frozenset({"type", "image_url", "detail"})


def wrong_image(body: Json) -> str | None:
    """What is wrong with an image of a request, if anything is."""
    if isinstance(body.get("input"), list):
        return next(filter(None, map(_wrong_part, _responses_images(body["input"]))), None)
    messages = body.get("messages") or []
    return next(filter(None, (_wrong_message(message) for message in messages)), None)


def _responses_images(items: list[Json]) -> Iterator[Json]:
    for item in items:
        for field in ("content", "output"):
            parts = item.get(field)
            for part in parts if isinstance(parts, list) else []:
                if isinstance(part, dict) and part.get("type") == "input_image":
                    yield part


def _wrong_part(part: Json) -> str | None:
    if unknown := sorted(part.keys() - KNOWN):
        return f"An input_image has no {unknown}."
    return _wrong_url(part.get("image_url"))


def _wrong_message(message: Json) -> str | None:
    parts = message.get("content")
    for part in parts if isinstance(parts, list) else []:
        if part.get("type") == "image_url":
            if message["role"] != "user":
                return "Images stand in messages of users."
            if wrong := _wrong_url(part["image_url"].get("url")):
                return wrong
    return None


def _wrong_url(url: Any) -> str | None:
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return None
    head, _, data = url.partition(";base64,") if isinstance(url, str) else ("", "", "")
    try:
        return None if head in HEADS and base64.b64decode(data, validate=True) else "No image."
    except ValueError:
        return "No base64."
