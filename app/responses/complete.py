"""Completing an engine's events to the standard's shape, each read and written once.

Engines leave much out: sequence numbers, ids, most of the response's fields. A cached log goes
the same way, as if an engine said it again. Events of types unknown here pass and are kept.
"""

import time
from typing import Any, NamedTuple

import msgspec

from app.engine.deltas import Deltas, text_of
from app.engine.types import Event, Item
from app.errors import BackstoryError
from app.ids import ItemId
from app.responses.live_item import LiveText
from app.responses.outputs import Outputs, delta_told
from app.responses.resource import Resource, full_usage, take_from_engine
from app.responses.stencil import Stencil, stencil_of
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
LIFECYCLE = BEGINNINGS | ENDS.keys()

_encode = msgspec.json.encode


class OutputItem(NamedTuple):
    item_id: ItemId
    item: Item


class Completer:
    """Takes engine events one by one; `add` gives the frames to send, but for the last one.

    The last event is withheld, since nothing may look ended before it is stored: `ended` tells
    that it came, `last_frame` gives it. Events of a log of our `own` keep their items' ids.
    """

    def __init__(self, resource: Resource, asked: dict[str, Any], *, own: bool = False) -> None:
        self.resource = resource
        self.ended = False
        self.engine_response_id: object = None
        """What the engine itself calls the response."""
        self._asked = asked
        self._began = False
        self._sequence_number = 0
        self._outputs = Outputs(own=own)
        self._stencil: Stencil | None = None
        self._text: LiveText | None = None

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
        self._stencil = None  # what comes between deltas may change what they are about
        if type_ in BEGINNINGS:
            said = event.get("response") or {}
            self.engine_response_id = said.get("id")
            take_from_engine(self.resource, said, self._asked)
            return self.begin()
        frames = self.begin()
        if type_ in ENDS:
            return frames + self._end(type_, event)
        for made in self._outputs.feed(type_, event):
            frames.append(self._next_frame(made))
        return frames

    def add_deltas(self, deltas: Deltas) -> list[bytes]:
        """The frames that `add` would give one by one, at a tenth of the cost."""
        if self._stencil and self._stencil.event is deltas.event:
            return self._stenciled(self._stencil, deltas.texts)
        events = iter(deltas)
        frames = self.add(next(events))
        self._learn(deltas.event)
        if self._stencil:
            return frames + self._stenciled(self._stencil, deltas.texts[1:])
        return frames + [made for event in events for made in self.add(event)]

    def _learn(self, event: Event) -> None:
        self._text = self._outputs.text_going_on(event)
        if self._text:
            self._stencil = stencil_of(event, delta_told(event, self._text))

    def _stenciled(self, stencil: Stencil, texts: list[bytes]) -> list[bytes]:
        assert self._text
        self._text.pieces.append(text_of(b"".join(texts)))
        number = self._sequence_number
        self._sequence_number += len(texts)
        return stencil.frames(texts, number)

    def fail(self, error: BackstoryError, *, status: str = "failed") -> list[bytes]:
        """Ends the response with what had come; gives the frames that close what was open."""
        self.resource["error"] = {"code": error.code or "server_error", "message": error.message}
        return self._stop(status)

    def cancel(self) -> list[bytes]:
        """Ends the response as `fail` does, since its client wants no more."""
        return self._stop("cancelled")

    def last_frame(self) -> bytes:
        """The same each time it is asked for: it is stored first, then sent."""
        return self._frame({"type": END_OF[self.resource["status"]], "response": self.resource})

    def output_items(self) -> list[OutputItem]:
        return [
            OutputItem(item.item_id, item.done)
            for item in self._outputs.items
            if item.done is not None
        ]

    # Ending

    def _end(self, type_: str, event: Event) -> list[bytes]:
        said = event.get("response") or {}
        usage = full_usage(said.get("usage"))
        take_from_engine(self.resource, said, self._asked)
        frames = self._close(ENDS[type_], said.get("output") or [])
        self.resource["usage"] = usage
        self.resource["incomplete_details"] = said.get("incomplete_details")
        if ENDS[type_] == "failed":
            self.resource["error"] = _error_of(said.get("error") or event)
        if ENDS[type_] == "completed":
            self.resource["completed_at"] = int(time.time())
        return frames

    def _stop(self, status: str) -> list[bytes]:
        self.resource["completed_at"] = None
        return self._close(status, [])

    def _close(self, status: str, said: list[Item]) -> list[bytes]:
        """What the engine did not end is closed with the text so far."""
        of_items = "completed" if status == "completed" else "incomplete"
        frames = [self._next_frame(made) for made in self._outputs.end(said, of_items)]
        self.ended = True
        self.resource["status"] = status
        self.resource["output"] = [output.item for output in self.output_items()]
        return frames

    # Writing

    def _lifecycle_frame(self, type_: str, resource: Resource) -> bytes:
        return self._next_frame({"type": type_, "response": resource})

    def _next_frame(self, event: Event) -> bytes:
        made = self._frame(event)
        self._sequence_number += 1
        return made

    def _frame(self, event: Event) -> bytes:
        event["sequence_number"] = self._sequence_number
        return frame(event["type"], _encode(event))


def _error_of(said: Any) -> dict[str, Any]:
    inner = said.get("error") if isinstance(said.get("error"), dict) else said
    return {
        "code": str(inner.get("code") or "server_error"),
        "message": str(inner.get("message") or "The engine failed without saying why."),
    }
