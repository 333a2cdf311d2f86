"""The order of events: every delta in its part, every part in its item, every item in the end."""

from typing import Any

Json = dict[str, Any]

BEGINNINGS = {
    False: ["response.created", "response.in_progress"],
    True: ["response.created", "response.queued", "response.in_progress"],
}
"""The first events, by whether the response is made in the background."""
END_OF = {
    "completed": "response.completed",
    "incomplete": "response.incomplete",
    "failed": "response.failed",
    "cancelled": "response.incomplete",
}
PARTS = {
    "response.output_text": ("content", "text"),
    "response.refusal": ("content", "refusal"),
    "response.reasoning_text": ("content", "text"),
    "response.reasoning_summary_text": ("summary", "text"),
}
FIELDS = {
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.mcp_call_arguments": "arguments",
}
PART_EVENTS = {
    "response.content_part": "content",
    "response.reasoning_summary_part": "summary",
}


class _Item:
    def __init__(self, item: Json) -> None:
        self.id = item["id"]
        self.done: Json | None = None
        self.parts: dict[tuple[str, int], str | None] = {}
        """What each part says so far; none when it is over."""
        self.field = ""
        self.field_done = False


class Lifecycle:
    """Takes one response's events from the first to the last. Raises AssertionError."""

    def __init__(self, *, agrees: bool = True) -> None:
        """An engine that does not agree with itself says another text at the end than in deltas:
        it is passed on as it is."""
        self._agrees = agrees
        self._number = 0
        self._items: list[_Item] = []
        self._expected: list[str] = []
        self.ended = False

    def take(self, event: Json) -> None:
        assert event["sequence_number"] == self._number, (event, self._number)
        self._number += 1
        assert not self.ended, event
        self._check_beginning(event)
        name, _, what = event["type"].rpartition(".")
        if name == "response.output_item" and what in ("added", "done"):
            self._check_item(what, event)
        elif name in PART_EVENTS and what in ("added", "done"):
            self._check_part(what, PART_EVENTS[name], event)
        elif name in PARTS and what in ("delta", "done"):
            self._check_text(what, *PARTS[name], event)
        elif name in FIELDS and what in ("delta", "done"):
            self._check_field(what, FIELDS[name], event)
        elif event["type"] in END_OF.values():
            self._check_end(event)

    def _check_beginning(self, event: Json) -> None:
        if not self._expected and event["sequence_number"] == 0:
            self._expected = list(BEGINNINGS[event["response"]["background"]])
        if event["sequence_number"] < len(self._expected):
            assert event["type"] == self._expected[event["sequence_number"]], event
            assert event["response"]["output"] == []
            queued = self._expected[1] == "response.queued" and event["sequence_number"] < 2
            assert event["response"]["status"] == ("queued" if queued else "in_progress")

    def _check_item(self, what: str, event: Json) -> None:
        if what == "added":
            assert event["output_index"] == len(self._items), event
            assert event["item"]["id"] not in {item.id for item in self._items}
            self._items.append(_Item(event["item"]))
            return
        item = self._open_item({**event, "item_id": event["item"]["id"]})
        item.done = event["item"]
        assert all(said is None for said in item.parts.values()), event
        for place in ("content", "summary"):
            count = sum(at == place for at, _ in item.parts)
            assert event["item"].get("type") not in ("message", "reasoning") or count == len(
                event["item"].get(place) or []
            )

    def _check_part(self, what: str, place: str, event: Json) -> None:
        item = self._open_item(event)
        key = (place, event["summary_index" if place == "summary" else "content_index"])
        if what == "added":
            assert key[1] == sum(at == place for at, _ in item.parts), event
            item.parts[key] = ""
        else:
            assert item.parts[key] is not None, event
            item.parts[key] = None

    def _check_text(self, what: str, place: str, field: str, event: Json) -> None:
        item = self._open_item(event)
        key = (place, event["summary_index" if place == "summary" else "content_index"])
        so_far = item.parts[key]
        assert so_far is not None, event
        if what == "delta":
            item.parts[key] = so_far + event["delta"]
        else:
            assert event[field] == so_far or not self._agrees, event

    def _check_field(self, what: str, field: str, event: Json) -> None:
        item = self._open_item(event)
        assert not item.field_done, event
        if what == "delta":
            item.field += event["delta"]
        else:
            assert event[field] == item.field or not self._agrees, event
            item.field_done = True

    def _open_item(self, event: Json) -> _Item:
        item = self._items[event["output_index"]]
        assert item.id == event["item_id"], event
        assert item.done is None, event
        return item

    def _check_end(self, event: Json) -> None:
        assert event["type"] == END_OF[event["response"]["status"]]
        assert event["response"]["output"] == [item.done for item in self._items]
        self.ended = True
