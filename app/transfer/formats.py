"""What a record of a file tells, by the format that it is in."""

from collections.abc import Callable
from typing import Any, Literal, get_args

from app.errors import InvalidRequest, TooLarge
from app.transfer.chatgpt import of_chatgpt
from app.transfer.mem0 import of_mem0
from app.transfer.openai_items import of_openai
from app.transfer.records import Record
from app.transfer.types import MemoryLine, Told
from app.web.body import convert, decode_object

Format = Literal["backstory", "mem0", "chatgpt", "openai"]
ENVELOPES = ("memory.export", "memory.export.end")
"""The first and the last line of an export, which tell no memory."""


def format_of(text: str | None) -> Format | None:
    """None is for finding out. Raises InvalidRequest."""
    formats: tuple[Format, ...] = get_args(Format)
    for known in formats:
        if text == known:
            return known
    if text is None:
        return None
    raise InvalidRequest(f"'format' must be one of {', '.join(formats)}.", param="format")


def told_by(record: Record, format_: Format | None, bytes_max: int) -> Told:
    """The memories of a record. Raises InvalidRequest or TooLarge."""
    if record.data is None:
        raise TooLarge(f"This is larger than {bytes_max} bytes.")
    value = decode_object(record.data)
    if value.get("object") in ENVELOPES:
        return Told([])
    return _READERS[format_ or _looks_like(value)](value)


def _looks_like(value: dict[str, Any]) -> Format:
    if isinstance(value.get("mapping"), dict):
        return "chatgpt"
    if isinstance(value.get("memory"), str):
        return "mem0"
    if any(name in value for name in ("role", "items", "messages", "type")):
        return "openai"
    return "backstory"


def of_backstory(value: dict[str, Any]) -> Told:
    """A line of an export, or what could be sent to be remembered."""
    return Told([convert(value, MemoryLine)])


_READERS: dict[Format, Callable[[dict[str, Any]], Told]] = {
    "backstory": of_backstory,
    "mem0": of_mem0,
    "chatgpt": of_chatgpt,
    "openai": of_openai,
}
