"""Messages as OpenAI has them: items of a list, or a conversation with its items or messages."""

from typing import Any

import msgspec

from app.errors import InvalidRequest
from app.ids import id_text, parse_id
from app.memory.bodies import Time
from app.memory.types import Trust
from app.transfer.types import NAME_LENGTH_MAX, MemoryLine, Told
from app.web.body import convert

SAID_BY: dict[str, Trust] = {"user": "user", "assistant": "assistant"}
TEXT_PARTS = ("text", "input_text", "output_text", "refusal")


class Item(msgspec.Struct, frozen=True):
    id: str | None = None
    type: str = "message"
    role: str | None = None
    name: str | None = None
    content: str | list[Any] | None = None
    created_at: Time | None = None


def of_openai(value: dict[str, Any]) -> Told:
    """Only what users and assistants said; instructions, calls and reasoning are skipped."""
    within = value.get("conversation")
    about = within if isinstance(within, dict) else value
    for name in ("items", "messages"):
        if name in value:
            return _conversation(about, convert({"items": value[name]}, _Items).items)
    return _told([_line(convert(value, Item))])


class _Items(msgspec.Struct, frozen=True):
    items: list[Item]


def _conversation(about: dict[str, Any], items: list[Item]) -> Told:
    given = convert(about, _About)
    ours = given.id if given.id and parse_id("conv", given.id) else None
    lines = [_line(item) for item in items]
    for number, line in enumerate(lines):
        if line:
            named = line.id or line.external_id or not given.id
            lines[number] = msgspec.structs.replace(
                line,
                conversation=ours,
                episode=(given.title or given.id or "")[:NAME_LENGTH_MAX] or None,
                external_id=line.external_id if named else f"{given.id}/{number}",
                occurred_at=line.occurred_at or given.created_at,
            )
    return _told(lines)


class _About(msgspec.Struct, frozen=True):
    id: str | None = None
    title: str | None = None
    created_at: Time | None = None


def _told(lines: list[MemoryLine | None]) -> Told:
    said = [line for line in lines if line]
    return Told(said, skipped=len(lines) - len(said))


def _line(item: Item) -> MemoryLine | None:
    """Where the item's id is one of ours, the memory has the id that remembering it gave."""
    text = _text(item.content)
    if item.type != "message" or item.role not in SAID_BY or not text.strip():
        return None
    if item.id and len(item.id) > NAME_LENGTH_MAX:
        raise InvalidRequest("The item's id is too long.", param="id")
    ours = parse_id("msg", item.id) if item.id else None
    return MemoryLine(
        content=text,
        id=id_text("mem", ours) if ours else None,
        external_id=None if ours else item.id or None,
        kind="message",
        trust=SAID_BY[item.role],
        speaker=(item.name or item.role)[:NAME_LENGTH_MAX],
        occurred_at=item.created_at,
    )


def _text(content: str | list[Any] | None) -> str:
    if not isinstance(content, list):
        return content or ""
    texts = [
        part.get("text") or part.get("refusal")
        for part in content
        if isinstance(part, dict) and part.get("type") in TEXT_PARTS
    ]
    return "\n".join(text for text in texts if isinstance(text, str))
