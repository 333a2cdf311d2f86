"""The output of a response as it is made: every text within its part, every part within its item.

Engines leave events out, or what they are about. An event here belongs to an item by its id, its
index or its type, in that order; what should have come before it is told before it, and what
should come after it when its item ends. Items and parts are numbered in the order in which they
come, since clients find them by number.
"""

from collections.abc import Callable
from typing import Any

from app.conversations.contents import item_type, parse_item_id
from app.engine.types import Event, Item
from app.responses.live_item import (
    CALLS,
    KIND_OF_FIELD,
    KINDS,
    PLACES_OF_PARTS,
    Kind,
    LiveItem,
    LiveText,
    checked_dict,
    kind_of_part,
)
from app.responses.shapes import check_item, check_logprobs, check_shape

DELTAS = {f"response.{kind.name}.delta": kind for kind in KINDS}
DONES = {f"response.{kind.name}.done": kind for kind in KINDS}
PLACES = {"response.content_part": "content", "response.reasoning_summary_part": "summary"}
RENAMED = {
    "response.reasoning.delta": "response.reasoning_text.delta",
    "response.reasoning.done": "response.reasoning_text.done",
}
"""As Open Responses calls them, and as OpenAI does."""


def delta_told(event: Event, text: LiveText) -> Event:
    told = {**event, **text.where}
    if text.kind.name == "output_text":
        told["logprobs"] = event.get("logprobs") or []
    return told


class Outputs:
    """`feed` takes an engine's event, `end` its last one; both give the events to send.

    Where they are a log of our `own`, items keep the ids that they were given there.
    """

    def __init__(self, *, own: bool = False) -> None:
        self._own = own
        self.items: list[LiveItem] = []
        self._known: list[LiveItem] = []
        self._by_id: dict[Any, LiveItem] = {}
        self._by_index: dict[Any, LiveItem] = {}
        self._made: list[Event] = []
        self._readers: dict[str, Callable[[Event], None]] = {
            "response.output_item.added": self._read_added,
            "response.output_item.done": self._read_done,
            "response.content_part.added": self._read_part_added,
            "response.content_part.done": self._read_part_done,
            "response.reasoning_summary_part.added": self._read_part_added,
            "response.reasoning_summary_part.done": self._read_part_done,
            "response.output_text.annotation.added": self._read_annotation,
        }

    def feed(self, type_: str, event: Event) -> list[Event]:
        """Raises what reading an event of the wrong shape ends in."""
        if kind := DELTAS.get(type_):
            self._read_delta(event, kind)
            return self._take()
        check_shape(type_, event)
        if kind := DONES.get(type_):
            self._read_text_done(event, kind)
        elif reader := self._readers.get(type_):
            reader(event)
        elif name := RENAMED.get(type_):
            return self.feed(name, {**event, "type": name})
        else:
            self._pass(event)
        return self._take()

    def end(self, said: list[Item], status: str) -> list[Event]:
        """What is missing of each item, where `said` is the output as the engine has it."""
        missing = list(self._known)
        for item in said:
            check_item(item)
            known = self._match(item, missing)
            if known:
                missing.remove(known)
            if known is None or known.done is None:
                self._finish(known or self._new(item), item, status)
        for known in missing:
            if known.done is None and known.index is not None:
                self._finish(known, None, status)
        return self._take()

    def _take(self) -> list[Event]:
        """Also what was made before an event that could not be read."""
        made, self._made = self._made, []
        return made

    def _tell(self, type_: str, *fields: dict[str, Any]) -> None:
        event: Event = {}
        for some in fields:
            event |= some
        self._made.append({**event, "type": type_})

    # Reading

    def _read_delta(self, event: Event, kind: Kind) -> None:
        text = self._text_of(event, kind)
        delta = event["delta"]
        if type(delta) is not str:
            raise TypeError("a delta that is no text")
        if text.closed:
            return
        text.pieces.append(delta)
        if text.item.index is None:
            return
        if kind.name == "output_text" and (logprobs := event.get("logprobs")):
            check_logprobs(logprobs)
            text.logprobs += logprobs
        self._made.append(delta_told(event, text))

    def _read_text_done(self, event: Event, kind: Kind) -> None:
        text = self._text_of(event, kind)
        said = event.get(str(kind.field))
        if text.item.index is not None:
            self._say(text, said, event)
        elif isinstance(said, str):
            text.pieces = [said]

    def _read_annotation(self, event: Event) -> None:
        text = self._text_of(event, DELTAS["response.output_text.delta"])
        if text.closed:
            return
        place = {"annotation_index": len(text.annotations)}
        text.annotations.append(event["annotation"])
        self._made.append({**place, **event, **text.where})

    def _read_added(self, event: Event) -> None:
        said = checked_dict(event["item"])
        item = self._by_id.get(said.get("id")) or self._unannounced(event, item_type(said))
        if item is None:
            item = self._new(said, event)
        item.added = True
        if item.index is None:
            self._show(item, said, event)

    def _read_done(self, event: Event) -> None:
        said = checked_dict(event["item"])
        item = self._find({**event, "item_id": said.get("id")}, item_type(said))
        item = item or self._renamed(said) or self._new(said, event)
        if item.done is None:
            self._finish(item, said, "completed", event)

    def _read_part_added(self, event: Event) -> None:
        text, _ = self._part_of(event)
        self._show_part(text, event)

    def _read_part_done(self, event: Event) -> None:
        text, part = self._part_of(event)
        self._close(text, part, event)

    def _part_of(self, event: Event) -> tuple[LiveText, Item]:
        place = PLACES[event["type"].rpartition(".")[0]]
        part = checked_dict(event["part"])
        item = self._by_id.get(event.get("item_id"))
        default = "reasoning" if place == "summary" else "message"
        kind = kind_of_part(part, place, item.type if item else default)
        text = self._text_of(event, kind, show=False)
        text.base = part
        return text, part

    def _pass(self, event: Event) -> None:
        """An event of a type that is not known here, about our item where it is about one."""
        if not event["type"].isprintable():
            raise ValueError("a type that would break its frame")
        item = self._by_id.get(event.get("item_id")) or self._by_index.get(
            event.get("output_index")
        )
        told = dict(event)
        if item and item.index is not None:
            told |= {"output_index": item.index, "item_id": item.id_text}
        self._made.append(told)

    def text_going_on(self, event: Event) -> LiveText | None:
        """What a delta that was just read is about, if all alike can be told without reading."""
        kind = DELTAS.get(event["type"])
        text = self._text_of(event, kind) if kind else None
        if text is None or text.closed or text.item.index is None or event.get("logprobs"):
            return None
        return text

    # Finding

    def _text_of(self, event: Event, kind: Kind, *, show: bool = True) -> LiveText:
        item = self._by_id.get(event.get("item_id"))
        if item is None:
            item = self._find(event, kind.item_type) or self._begun(event, kind)
        given = event.get(kind.index_name) if kind.place else None
        if item.type != kind.item_type:
            raise ValueError("a text that is not of its item")
        text = item.latest.get((kind.name, given))
        more = given is None and kind.place is not None and item.done is None
        if text is None or (text.closed and more):
            text = item.new_text(kind, given)
        if show and not text.shown:
            self._show_part(text)
        return text

    def _find(self, event: Event, type_: str) -> LiveItem | None:
        """The item that an event is about, of this type where the event does not name it."""
        given, index = event.get("item_id") or None, event.get("output_index")
        known = self._by_id.get(given) or self._indexed(given, index, type_)
        if known is None and index is None:
            known = self._last_open(type_, unnamed=given is not None)
        if known:
            self._remember(known, given, index)
        return known

    def _indexed(self, given: Any, index: Any, type_: str) -> LiveItem | None:
        """Some engines give every item the same index: then its type or its end tells."""
        known = self._by_index.get(index)
        if known is None or known.type != type_ or (known.done and given):
            return None
        return known

    def _last_open(self, type_: str, *, unnamed: bool = False) -> LiveItem | None:
        for item in reversed(self._known):
            if item.type == type_ and item.done is None and not (unnamed and item.named):
                return item
        return None

    def _renamed(self, said: Item) -> LiveItem | None:
        """An item whose end has another id than its beginning."""
        item = self._last_open(item_type(said))
        if item and item.base.get("call_id", said.get("call_id")) == said.get("call_id"):
            return item
        return None

    def _unannounced(self, event: Event, type_: str) -> LiveItem | None:
        """An item that was told of for what is in it, before the engine did."""
        item = self._find({"output_index": event.get("output_index")}, type_)
        return None if item is None or item.added or item.done else item

    def _match(self, said: Item, among: list[LiveItem]) -> LiveItem | None:
        known = self._by_id.get(said.get("id"))
        if known in among:
            return known
        return next((item for item in among if item.type == item_type(said)), None)

    def _remember(self, item: LiveItem, given: Any, index: Any) -> None:
        if given:
            self._by_id[given] = item
        if index is not None:
            self._by_index[index] = item

    # Making

    def _new(self, said: Item, event: Event | None = None) -> LiveItem:
        given = said.get("id")
        kept = parse_item_id(given) if self._own and given else None
        item = LiveItem(item_type(said), named=bool(given), item_id=kept)
        self._known.append(item)
        self._remember(item, given, (event or {}).get("output_index"))
        return item

    def _begun(self, event: Event, kind: Kind) -> LiveItem:
        """An item that begins with what is in it. A call waits until its name is known."""
        said = {"type": kind.item_type, "id": event.get("item_id")}
        item = self._new(said, event)
        if kind.item_type not in CALLS:
            self._show(item, said)
        return item

    def _show(self, item: LiveItem, said: Item, event: Event | None = None) -> None:
        item.base = said
        item.base = added = item.as_added()
        item.show(len(self.items))
        self.items.append(item)
        where = {"output_index": item.index, "item": added}
        self._tell("response.output_item.added", event or {}, where)
        for text in item.texts:
            if text.pieces:
                self._tell(f"response.{text.kind.name}.delta", text.where, {"delta": text.value})

    def _show_part(self, text: LiveText, event: Event | None = None) -> None:
        if text.shown or text.item.done:
            return
        text.shown = True
        empty = {text.kind.field: ""} if text.kind.field else {}
        part = {**text.part((event or {}).get("part")), **empty}
        self._tell(f"{text.kind.part_events}.added", event or {}, text.where, {"part": part})

    # Ending

    def _finish(
        self, item: LiveItem, said: Item | None, status: str, event: Event | None = None
    ) -> None:
        if said is not None and item_type(said) != item.type:
            raise ValueError("an item that ends as another")
        done = item.as_done(said, status)
        item.name = done.get("name") or ""
        if item.index is None:
            self._show(item, said or {})
        self._close_texts(item, done)
        item.done = done
        where = {"output_index": item.index, "item": done}
        self._tell("response.output_item.done", event or {}, where)

    def _close_texts(self, item: LiveItem, done: Item) -> None:
        for place in PLACES_OF_PARTS.get(item.type, ()):
            for index, part in enumerate(done.get(place, [])):
                text = item.text_at(place, index)
                text = text or item.new_text(kind_of_part(part, place, item.type), index)
                self._close(text, part)
        for text in item.texts:
            if text.kind.place:
                self._close(text, None)
        if kind := KIND_OF_FIELD.get(item.type):
            text = item.latest.get((kind.name, None)) or item.new_text(kind, None)
            self._say(text, done[str(kind.field)])

    def _close(self, text: LiveText, said: Item | None, event: Event | None = None) -> None:
        if text.closed:
            return
        self._show_part(text)
        self._say(text, (said or {}).get(str(text.kind.field)))
        text.closed = True
        part = text.part(said if said and said.get("type") == text.kind.part_type else None)
        self._tell(f"{text.kind.part_events}.done", event or {}, text.where, {"part": part})

    def _say(self, text: LiveText, said: Any, event: Event | None = None) -> None:
        """The whole text, after what had not come of it in deltas."""
        if text.said:
            return
        text.said = True
        kind = text.kind
        so_far = text.value
        whole = said if isinstance(said, str) and said else so_far
        if len(whole) > len(so_far) and whole.startswith(so_far):
            more: Event = {"logprobs": []} if kind.name == "output_text" else {}
            delta = {"delta": whole[len(so_far) :]}
            self._tell(f"response.{kind.name}.delta", text.where, delta, more)
        text.pieces = [whole]
        text.logprobs = (event or {}).get("logprobs") or text.logprobs
        text.closed = kind.place is None
        self._tell(f"response.{kind.name}.done", event or {}, text.where, self._said(text))

    def _said(self, text: LiveText) -> Event:
        said: Event = {str(text.kind.field): text.value}
        if text.kind.name == "output_text":
            said["logprobs"] = text.logprobs
        if text.kind.name == "function_call_arguments":
            said["name"] = text.item.name
        return said
