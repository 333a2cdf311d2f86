"""What an item says, in the one form that is hashed and stored, and back again."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from app.engine.types import Item
from app.ids import ItemId, ProjectId, UserId, id_text, new_id

HASH_BYTES = 32
UNKNOWN_HISTORY = bytes(HASH_BYTES)
"""Where the history of a conversation begins that goes on only where it is named: who keeps its
items by themselves (as openai-agents' sessions do) sends them too, and must not add them twice."""

ID_DIGITS = 32
"""Of a UUID, without hyphens."""
PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
    "compaction": "cmp",
}
STATUSES = frozenset({"in_progress", "completed", "incomplete"})
"""What an item's column can hold; a status that only some types have stays with what is said."""
TEXT_PARTS = ("input_text", "output_text")
_encode = msgspec.json.Encoder(order="deterministic").encode


class Content(msgspec.Struct, frozen=True):
    """JSON in canonical form and its keyed hash."""

    hash: bytes
    body: bytes


class NewItem(msgspec.Struct, frozen=True):
    """An item about to be stored."""

    item_id: ItemId
    type: str
    status: str
    content: Content


class Hasher:
    """Hashes contents for one project and user; nobody else's bytes hash alike."""

    def __init__(self, secret: bytes, project: ProjectId, user: UserId) -> None:
        self._key = _derive(secret, project, user)

    def content(self, value: Any) -> Content:
        body = _encode(value)
        return Content(blake2b(body, key=self._key, digest_size=HASH_BYTES).digest(), body)

    def beginning(self, prompt_cache_key: object) -> bytes:
        """Where the history of a thread begins: of those under one `prompt_cache_key`, apart from
        all others."""
        return self.content(["history", prompt_cache_key]).hash

    def item(self, item: Item, item_id: ItemId | None = None) -> NewItem:
        return NewItem(
            item_id or ItemId(new_id()),
            item_type(item),
            stored_status(item),
            self.content(canonical(item)),
        )


def content_values(contents: Iterable[Content]) -> dict[str, Any]:
    """Parameters of a statement that stores them: each once, in order of their hashes, so that two
    that insert the same cannot deadlock."""
    unique = sorted({content.hash: content.body for content in contents}.items())
    return {
        "content_hashes": [hash_ for hash_, _ in unique],
        "content_bodies": [msgspec.Raw(body) for _, body in unique],
    }


def item_values(items: Sequence[NewItem]) -> dict[str, Any]:
    """Parameters of a statement that stores them, without their contents."""
    return {
        "item_ids": [item.item_id for item in items],
        "item_hashes": [item.content.hash for item in items],
        "item_types": [item.type for item in items],
        "item_statuses": [item.status for item in items],
    }


@lru_cache(maxsize=10_000)
def _derive(secret: bytes, project: UUID, user: UUID) -> bytes:
    return blake2b(project.bytes + user.bytes, key=secret[:64], person=b"contents").digest()


def item_type(item: Item) -> str:
    """A message may leave its type out."""
    return str(item.get("type") or "message")


def stored_status(item: Item) -> str:
    status = item.get("status")
    return status if status in STATUSES else "completed"


def canonical(item: Item) -> Item:
    """Without id and status; texts as parts; no empty annotations and logprobs."""
    kept = {name: value for name, value in item.items() if name not in ("id", "status")}
    if (status := item.get("status")) and status not in STATUSES:
        kept["status"] = status
    kept["type"] = item_type(item)
    if kept["type"] == "message":
        kept["content"] = _parts(kept.get("content"), kept.get("role"))
    return kept


def _parts(content: Any, role: Any) -> Any:
    if isinstance(content, str):
        kind = "output_text" if role == "assistant" else "input_text"
        return [{"type": kind, "text": content}]
    if not isinstance(content, list):
        return content
    return [_without_empties(part) if isinstance(part, dict) else part for part in content]


def _without_empties(part: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in part.items()
        if value or name not in ("annotations", "logprobs")
    }


def shown(item_id: ItemId, status: str, body: Item) -> Item:
    """An item as the API gives it."""
    named = {**body, "id": item_id_text(item_id, body["type"])}
    return with_parts_complete(with_status(named, body.get("status") or status))


def with_status(item: Item, status: str) -> Item:
    """Reasoning has a status only where it is not whole, a compaction never, as OpenAI has it."""
    type_ = item.get("type")
    if type_ == "compaction" or (type_ == "reasoning" and status != "incomplete"):
        return {name: value for name, value in item.items() if name != "status"}
    return {**item, "status": status}


def with_parts_complete(item: Item) -> Item:
    """A message whose parts have all that the standard asks of them."""
    if item.get("type") != "message" or not isinstance(item.get("content"), list):
        return item
    return {**item, "content": [completed_part(part) for part in item["content"]]}


def item_id_text(item_id: ItemId, type_: str) -> str:
    return id_text(PREFIXES.get(type_, "item"), item_id)


def parse_item_id(text: str) -> ItemId | None:
    """Whatever it begins with: engines and clients write the types of items differently."""
    _, _, digits = text.rpartition("_")
    try:
        return ItemId(UUID(hex=digits)) if len(digits) == ID_DIGITS else None
    except ValueError:
        return None


def completed_part(part: Any) -> Any:
    """A part with what the standard asks of it, empty where nothing was said."""
    match part:
        case {"type": "output_text"}:
            empties = {name: part.get(name) or [] for name in ("annotations", "logprobs")}
            return {**part, **empties}
        case {"type": "input_image"}:
            image_url, detail = part.get("image_url"), part.get("detail") or "auto"
            return {**part, "image_url": image_url, "detail": detail}
    return part


def user_message(text: str) -> Item:
    part = {"type": "input_text", "text": text}
    return {"type": "message", "role": "user", "content": [part]}


def message_text(body: Item) -> str:
    """The text of a message's parts, a line each."""
    parts = body.get("content")
    if not isinstance(parts, list):
        return ""
    texts = [
        part.get("text")
        for part in parts
        if isinstance(part, dict) and part.get("type") in TEXT_PARTS
    ]
    return "\n".join(text for text in texts if isinstance(text, str))
