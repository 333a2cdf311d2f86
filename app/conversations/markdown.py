"""A conversation as Markdown: what was said as it was written, all else in fences."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.conversations.types import Conversation
from app.engine.types import Item

TEXTS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}


def markdown_heading(conversation: Conversation) -> str:
    title = " ".join((conversation.title or "Conversation").split())
    began = datetime.fromtimestamp(conversation.created_at, UTC)
    return f"# {title}\n\n`{conversation.id}`, begun {_time(began)}\n"


def markdown_item(item: Item, at: datetime, link: str) -> str:
    """With a link to what cannot be shown."""
    return f"## {_heading(item)}\n\n*{_time(at)}*\n\n{_body(item, link)}\n"


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _heading(item: Item) -> str:
    match str(item["type"]):
        case "message":
            return str(item.get("role", "message")).capitalize()
        case "function_call":
            return f"Call of {_code(str(item.get('name')))}"
        case "function_call_output":
            return "Output of the call"
        case other:
            return other.replace("_", " ").capitalize()


def _body(item: Item, link: str) -> str:
    match item["type"]:
        case "message":
            return "\n\n".join(_part(part, link) for part in _parts(item.get("content")))
        case "function_call":
            return _fenced(str(item.get("arguments", "")), "json")
        case "function_call_output" if isinstance(item.get("output"), str):
            return _fenced(item["output"])
        case "function_call_output":
            return "\n\n".join(_part(part, link) for part in _parts(item.get("output")))
        case _:
            return _fenced(_pretty(item), "json")


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def _part(part: Any, link: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in TEXTS and isinstance(part.get(TEXTS[kind]), str):
        return str(part[TEXTS[kind]])
    if kind == "input_image":
        return f"![image](<{_image_link(part, link)}>)"
    return _fenced(_pretty(part), "json")


def _image_link(part: dict[str, Any], link: str) -> str:
    """A URL as it was given, or where the bytes can be had from this service."""
    if isinstance(url := part.get("image_url"), str):
        return re.sub(r"[<>\s]", "", url)
    return f"/v1/files/{part['file_id']}/content" if part.get("file_id") else link


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _fenced(text: str, language: str = "") -> str:
    """The fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
