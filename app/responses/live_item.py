"""An output item while it is made: its texts so far, and what a client was told of it."""

from itertools import zip_longest
from typing import Any

import msgspec

from app.conversations.contents import completed_part, item_id_text, with_status
from app.engine.types import Item
from app.ids import ItemId, id_text, new_id

Where = dict[str, Any]
"""The fields of an event that say what it is about."""


class Kind(msgspec.Struct, frozen=True):
    """A text that comes in deltas: its events' name, and where it stands in its item."""

    name: str
    item_type: str
    field: str | None
    """What holds the text; none in a part of a type that is not known."""
    place: str | None = None
    """The item's list of parts; none for a text that is a field of the item itself."""
    part_type: str = ""

    @property
    def index_name(self) -> str:
        return "summary_index" if self.place == "summary" else "content_index"

    @property
    def part_events(self) -> str:
        summary = self.place == "summary"
        return "response.reasoning_summary_part" if summary else "response.content_part"


KINDS = (
    Kind("output_text", "message", "text", "content", "output_text"),
    Kind("refusal", "message", "refusal", "content", "refusal"),
    Kind("reasoning_text", "reasoning", "text", "content", "reasoning_text"),
    Kind("reasoning_summary_text", "reasoning", "text", "summary", "summary_text"),
    Kind("function_call_arguments", "function_call", "arguments"),
    Kind("custom_tool_call_input", "custom_tool_call", "input"),
    Kind("mcp_call_arguments", "mcp_call", "arguments"),
)
KIND_OF_PART = {kind.part_type: kind for kind in KINDS if kind.place}
KIND_OF_FIELD = {kind.item_type: kind for kind in KINDS if not kind.place}
PLACES_OF_PARTS = {"message": ("content",), "reasoning": ("summary", "content")}
USUAL_PARTS = {
    ("message", "content"): "output_text",
    ("reasoning", "content"): "reasoning_text",
    ("reasoning", "summary"): "summary_text",
}
"""What a part is that does not say its type."""
CALLS = frozenset({"function_call", "custom_tool_call"})


def kind_of_part(part: Item, place: str, item_type: str) -> Kind:
    type_ = str(part.get("type") or USUAL_PARTS.get((item_type, place), ""))
    return KIND_OF_PART.get(type_) or Kind("", item_type, None, place, type_)


class LiveText:
    """One text of an item. Its `where` is in every event about it."""

    __slots__ = (
        *("annotations", "base", "closed", "index", "item", "kind"),
        *("logprobs", "pieces", "said", "shown", "where"),
    )

    def __init__(self, item: "LiveItem", kind: Kind, index: int) -> None:
        self.item = item
        self.kind = kind
        self.index = index
        self.where: Where = {}
        self.base: Item = {}
        """The part as the engine began it."""
        self.pieces: list[str] = []
        self.annotations: list[Any] = []
        self.logprobs: list[Any] = []
        self.closed = item.done is not None
        self.shown = self.closed or kind.place is None
        """Its part was added."""
        self.said = self.closed or kind.field is None
        """Its whole text was told."""

    @property
    def value(self) -> str:
        return "".join(self.pieces)

    def part(self, said: Item | None = None) -> Item:
        """The part as it stands, or as the engine has it."""
        part: Item = {**self.base, "type": self.kind.part_type}
        if self.kind.field:
            part[self.kind.field] = self.value
        if self.annotations:
            part["annotations"] = self.annotations
        if self.logprobs:
            part["logprobs"] = self.logprobs
        given = {name: value for name, value in (said or {}).items() if value or name not in part}
        return checked_dict(completed_part({**part, **given}))


def whole_part(said: Item | None, text: LiveText | None, usual: str) -> Item:
    """As the engine has it at the end. What it leaves out then, a client was told before."""
    if said is None:
        return text.part() if text else {}
    part: Item = {"type": usual, **{n: value for n, value in said.items() if value is not None}}
    kind = KIND_OF_PART.get(part["type"])
    if kind and kind.field and kind.field not in part:
        part[kind.field] = text.value if text and text.kind is kind else ""
    return checked_dict(completed_part(part))


class LiveItem:
    """`index` is its place in the output; it has none before a client is told of it."""

    __slots__ = (
        *("added", "base", "done", "id_text", "index", "item_id", "latest", "name"),
        *("named", "texts", "type"),
    )

    def __init__(self, type_: str, *, named: bool, item_id: ItemId | None = None) -> None:
        self.item_id = item_id or ItemId(new_id())
        self.id_text = item_id_text(self.item_id, type_)
        self.type = type_
        self.index: int | None = None
        self.added = False
        """The engine told of it, not only of what is in it."""
        self.named = named
        """The engine has an id of its own for it."""
        self.base: Item = {}
        """The item as the engine began it."""
        self.name = ""
        self.texts: list[LiveText] = []
        self.latest: dict[tuple[str, int | None], LiveText] = {}
        """By kind and the engine's own index; by none, where it left that out."""
        self.done: Item | None = None

    def new_text(self, kind: Kind, given: int | None) -> LiveText:
        index = sum(text.kind.place == kind.place for text in self.texts)
        text = LiveText(self, kind, index)
        self.texts.append(text)
        self.latest[kind.name, None] = text
        if given is not None:
            self.latest[kind.name, given] = text
        self._place(text)
        return text

    def text_at(self, place: str, index: int) -> LiveText | None:
        for text in self.texts:
            if text.kind.place == place and text.index == index:
                return text
        return None

    def show(self, index: int) -> None:
        self.index = index
        for text in self.texts:
            self._place(text)

    def _place(self, text: LiveText) -> None:
        text.where = {"item_id": self.id_text, "output_index": self.index}
        if text.kind.place:
            text.where[text.kind.index_name] = text.index

    def as_added(self) -> Item:
        """Nothing is in it yet: that comes by events of its own."""
        item = {**self._whole(self.base), "id": self.id_text}
        self.name = item.get("name") or ""
        empty: Item = {"message": {"content": []}, "reasoning": {"summary": []}}.get(self.type, {})
        if kind := KIND_OF_FIELD.get(self.type):
            empty = {str(kind.field): ""}
        if self.type == "reasoning":
            item.pop("content", None)
        status = item.get("status") if self.added else None
        return with_status({**item, **empty}, status or "in_progress")

    def as_done(self, said: Item | None, status: str) -> Item:
        """As the engine has it, with the texts that came where it leaves them out."""
        status = (said or {}).get("status") or status
        item = {**self._whole({**self.base, **(said or {})}), "id": self.id_text}
        for place in PLACES_OF_PARTS.get(self.type, ()):
            texts = [text for text in self.texts if text.kind.place == place]
            if texts or place in item:
                pairs = zip_longest(item.get(place) or [], texts)
                usual = USUAL_PARTS[self.type, place]
                item[place] = [whole_part(part, text, usual) for part, text in pairs]
        if kind := KIND_OF_FIELD.get(self.type):
            item[str(kind.field)] = self._field(kind, item.get(str(kind.field)))
        return with_status(item, status)

    def _field(self, kind: Kind, said: Any) -> str:
        if said and not isinstance(said, str):
            return msgspec.json.encode(said).decode()
        return said or "".join(text.value for text in self.texts if text.kind is kind)

    def _whole(self, item: Item) -> Item:
        """With all that the standard asks of an item of its type."""
        whole = {**item, "type": self.type}
        match self.type:
            case "message":
                whole["role"] = whole.get("role") or "assistant"
                content = whole.get("content")
                text = [{"type": "output_text", "text": content}]
                whole["content"] = (text if isinstance(content, str) else content) or []
            case "reasoning":
                whole["summary"] = whole.get("summary") or []
            case "function_call" | "custom_tool_call":
                whole["call_id"] = whole.get("call_id") or id_text("call", self.item_id)
                whole["name"] = whole.get("name") or ""
        return whole


def checked_dict(value: Any) -> dict[str, Any]:
    """Raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value
