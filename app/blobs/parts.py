"""Image parts of items: where they stand, and how they refer to the bytes that they show.

In what is stored, and in what is compared, a part has the field `blob` in place of a data URL;
with `file_id` beside it where the client sent that. No client may send `blob` itself.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, TypeGuard

import msgspec
from msgspec import Meta

from app.engine.types import Item

Part = dict[str, Any]

IMAGE_TYPES = frozenset({"input_image", "computer_screenshot"})
FIELDS = ("content", "output")
"""Of a message, and of a call's output: a list of parts, or one part."""
KEY = "blob"
MARK = b'"blob":{'
"""In the bytes of a content that refers to a blob; quotes within a text would be escaped."""


class BlobRef(msgspec.Struct, frozen=True):
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    media_type: str
    size_bytes: int

    @property
    def hash(self) -> bytes:
        return bytes.fromhex(self.sha256)


def images_in(item: Item) -> Iterator[tuple[str, Part]]:
    """Where each stands in the item, and the part."""
    for field in FIELDS:
        value = item.get(field)
        if isinstance(value, list):
            yield from ((f"{field}[{n}]", part) for n, part in enumerate(value) if _is_image(part))
        elif _is_image(value):
            yield field, value


def with_images(item: Item, change: Callable[[Part], Part]) -> Item:
    """The item with its image parts changed, in the order of `images_in`."""
    if not shows_images(item):
        return item
    changed: dict[str, Any] = {}
    for field in FIELDS:
        value = item.get(field)
        if isinstance(value, list) and any(map(_is_image, value)):
            changed[field] = [change(part) if _is_image(part) else part for part in value]
        elif _is_image(value):
            changed[field] = change(value)
    return {**item, **changed}


def shows_images(item: Item) -> bool:
    """Asked of every item of a context, most of which show none: a loop is what is fastest."""
    for field in FIELDS:
        value = item.get(field)
        if value.__class__ is dict:
            value = (value,)
        elif value.__class__ is not list:
            continue
        for part in value:
            if part.__class__ is dict and part.get("type") in IMAGE_TYPES:
                return True
    return False


def _is_image(value: Any) -> TypeGuard[Part]:
    return isinstance(value, dict) and value.get("type") in IMAGE_TYPES


def ref_of(part: Part) -> BlobRef | None:
    """None for an image that is somewhere else."""
    try:
        return msgspec.convert(part[KEY], BlobRef) if KEY in part else None
    except msgspec.ValidationError:  # an engine may say anything in its items
        return None


def refs_in(items: Iterable[Item]) -> list[BlobRef]:
    """One for each time that an image is shown."""
    shown = filter(shows_images, items)
    return [ref for item in shown for _, part in images_in(item) if (ref := ref_of(part))]


def as_asked(item: Item) -> Item:
    """As the engine is to see it: the same image is the same, however it was sent."""
    return with_images(item, _without_file)


def _without_file(part: Part) -> Part:
    return {name: value for name, value in part.items() if name != "file_id" or KEY not in part}
