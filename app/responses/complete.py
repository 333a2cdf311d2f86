"""Completing an engine's events to the standard's shape, each read and written once.

Engines leave much out: sequence numbers, ids, most of the response's fields. A cached log goes
the same way, as if an engine said it again. Events of types unknown here pass and are kept.
"""

import time
from typing import Any, NamedTuple

import msgspec

from app.conversations.contents import (
    completed_part,
    item_id_text,
    item_type,
    with_parts_complete,
)
from app.engine.types import Event, Item
from app.errors import BackstoryError
from app.ids import ItemId, new_id
from app.responses.resource import Resource, full_usage, take_from_engine
from app.web.frames import frame

BEGINNINGS = frozenset({"response.created", "response.in_progress", "response.queued"})
BEGUN = ("response.created", "response.in_progress")
ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "error": "failed",
}
END_OF = {
    "completed": "response.completed",
    "incomplete": "response.incomplete",
    "failed": "response.failed",
    "cancelled": "response.incomplete",
}
"""The event that ends a response of a status. Nobody's standard has one for `cancelled`."""
OF_PARTS = (
    "response.output_text.",
    "response.content_part.",
    "response.refusal.",
    "response.reasoning_text.",
)
OF_ITEMS = (*OF_PARTS, "response.function_call_arguments.", "response.reasoning_")
"""Events that belong to an item, or to a part of one, also where the engine does not say which."""
TEXTS = {
    "response.output_text.delta": ("output_text", "text"),
    "response.refusal.delta": ("refusal", "refusal"),
}
"""Deltas that make a part: its type, and the field that holds what they add up to."""
LIFECYCLE = BEGINNINGS | ENDS.keys()
OPEN_STATUS = "in_progress"

_encode = msgspec.json.encode


class OutputItem(NamedTuple):
    item_id: ItemId
    item: Item


class Completer:
    """Takes engine events one by one; `add` gives the frames to send, but for the last one.

    The last event is withheld, since nothing may look ended before it is stored: `ended` tells
    that it came, `last_frame` gives it.
    """

    def __init__(self, resource: Resource, asked: dict[str, Any]) -> None:
        self.resource = resource
        self.ended = False
        self._asked = asked
        self._began = False
        self._sequence_number = 0
        self._ids: dict[int, ItemId] = {}
        self._id_texts: dict[int, str] = {}
        self._indexes: dict[str, int] = {}
        self._open: dict[int, Item] = {}
        self._texts: dict[tuple[int, int, str], list[str]] = {}
        self._done: dict[int, Item] = {}

    def begin(self) -> list[bytes]:
        """The first events, once. One in the background is queued before it is in progress."""
        if self._began:
            return []
        self._began = True
        queued = {**self.resource, "status": "queued"}
        self.resource["status"] = "in_progress"
        if not self.resource["background"]:
            return [self._lifecycle_frame(type_, self.resource) for type_ in BEGUN]
        return [
            self._lifecycle_frame("response.created", queued),
            self._lifecycle_frame("response.queued", queued),
            self._lifecycle_frame("response.in_progress", self.resource),
        ]

    def add(self, event: Event) -> list[bytes]:
        type_ = event["type"]
        if type_ in BEGINNINGS:
            take_from_engine(self.resource, event.get("response") or {}, self._asked)
            return self.begin()
        frames = self.begin()
        if type_ in ENDS:
            self._end(type_, event)
            return frames
        frames.append(self._next_frame(type_, self._completed(type_, event)))
        return frames

    def fail(self, error: BackstoryError, *, status: str = "failed") -> None:
        """Ends the response with what had come."""
        self._stop(status)
        self.resource["error"] = {"code": error.code or "server_error", "message": error.message}

    def cancel(self) -> None:
        """Ends the response with what had come, since its client wants no more."""
        self._stop("cancelled")

    def last_frame(self) -> bytes:
        """The same each time it is asked for: it is stored first, then sent."""
        type_ = END_OF[self.resource["status"]]
        return self._frame(type_, {"type": type_, "response": self.resource})

    def output_items(self) -> list[OutputItem]:
        return [OutputItem(self._ids[index], self._done[index]) for index in sorted(self._done)]

    # Reading

    def _completed(self, type_: str, event: Event) -> Event:
        if type_ == "response.output_item.added":
            return self._added(event)
        if type_ == "response.output_item.done":
            return self._item_done(event)
        if not (type_.startswith(OF_ITEMS) or "item_id" in event or "output_index" in event):
            return event
        index = self._index_of(event)
        completed = {**event, "output_index": index, "item_id": self._id_text(index)}
        if type_.startswith(OF_PARTS):
            completed.setdefault("content_index", 0)
        if type_.endswith(".delta"):
            self._keep_text(type_, index, completed)
        if type_.startswith("response.output_text."):
            completed.setdefault("logprobs", [])
        elif type_.startswith("response.content_part."):
            completed["part"] = completed_part(completed.get("part"))
        return completed

    def _added(self, event: Event) -> Event:
        index = event.get("output_index", len(self._ids))
        item = event["item"]
        if given := item.get("id"):
            self._indexes[given] = index
        self._open[index] = item
        return {**event, "output_index": index, "item": self._named(index, item, OPEN_STATUS)}

    def _item_done(self, event: Event) -> Event:
        index = self._index_of({**event, "item_id": event["item"].get("id")})
        self._open.pop(index, None)
        item = with_parts_complete(self._named(index, event["item"], "completed"))
        self._done[index] = item
        return {**event, "output_index": index, "item": item}

    def _keep_text(self, type_: str, index: int, completed: Event) -> None:
        if type_ in TEXTS and isinstance(completed.get("delta"), str):
            key = (index, completed["content_index"], type_)
            self._texts.setdefault(key, []).append(completed["delta"])

    def _index_of(self, event: Event) -> int:
        if isinstance(index := event.get("output_index"), int):
            return index
        return self._indexes.get(event.get("item_id") or "", max(self._ids, default=0))

    def _named(self, index: int, item: Item, status: str) -> Item:
        """An item under our id. Reasoning has a status only if it came with one."""
        named = {**item, "type": item_type(item), "id": self._id_text(index, item_type(item))}
        if named["type"] != "reasoning" or "status" in item:
            named["status"] = item.get("status") or status
        return named

    def _id_text(self, index: int, type_: str = "message") -> str:
        """Made when an item is first heard of; its type is known by then."""
        if index not in self._ids:
            self._ids[index] = ItemId(new_id())
            self._id_texts[index] = item_id_text(self._ids[index], type_)
        return self._id_texts[index]

    # Ending

    def _end(self, type_: str, event: Event) -> None:
        self.ended = True
        said = event.get("response") or {}
        take_from_engine(self.resource, said, self._asked)
        self.resource["status"] = ENDS[type_]
        self.resource["usage"] = full_usage(said.get("usage"))
        self.resource["incomplete_details"] = said.get("incomplete_details")
        if ENDS[type_] == "failed":
            self.resource["error"] = _error_of(said.get("error") or event)
        if ENDS[type_] == "completed":
            self.resource["completed_at"] = int(time.time())
        for index, item in enumerate(said.get("output") or []):
            if index not in self._done:
                self._done[index] = with_parts_complete(self._named(index, item, "completed"))
        self._close_open_items()
        self.resource["output"] = self._output()

    def _stop(self, status: str) -> None:
        self.ended = True
        self.resource["status"] = status
        self.resource["completed_at"] = None
        self._close_open_items()
        self.resource["output"] = self._output()

    def _close_open_items(self) -> None:
        """Items that the engine did not finish, with the text so far."""
        for index, item in self._open.items():
            if index in self._done:
                continue
            closed = {**self._named(index, item, "incomplete"), "status": "incomplete"}
            if closed["type"] == "message":
                closed["content"] = self._parts_so_far(index)
            self._done[index] = with_parts_complete(closed)

    def _parts_so_far(self, index: int) -> list[Item]:
        parts = []
        for (at, _, type_), pieces in sorted(self._texts.items()):
            if at == index:
                kind, field = TEXTS[type_]
                parts.append({"type": kind, field: "".join(pieces)})
        return parts

    def _output(self) -> list[Item]:
        return [self._done[index] for index in sorted(self._done)]

    # Writing

    def _lifecycle_frame(self, type_: str, resource: Resource) -> bytes:
        return self._next_frame(type_, {"type": type_, "response": resource})

    def _next_frame(self, type_: str, event: Event) -> bytes:
        made = self._frame(type_, event)
        self._sequence_number += 1
        return made

    def _frame(self, type_: str, event: Event) -> bytes:
        return frame(type_, _encode({**event, "sequence_number": self._sequence_number}))


def _error_of(said: Any) -> dict[str, Any]:
    inner = said.get("error") if isinstance(said.get("error"), dict) else said
    return {
        "code": str(inner.get("code") or "server_error"),
        "message": str(inner.get("message") or "The engine failed without saying why."),
    }
