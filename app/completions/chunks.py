"""The events of a response as the chunks of a streamed chat completion."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from app.completions.completion import (
    completion_id,
    failure,
    finish_reason,
    shown_logprobs,
    usage_of,
)
from app.completions.messages import call_in, reasoning_in, said_in
from app.engine.types import Item
from app.errors import BackstoryError
from app.responses.complete import BEGINNINGS, ENDS
from app.web.errors import error_body
from app.web.frames import DONE, data_of

REASONING_DELTAS = ("response.reasoning_text.delta", "response.reasoning_summary_text.delta")

_encode = msgspec.json.encode


class _Event(msgspec.Struct):
    type: str
    item_id: Any = None
    delta: Any = None
    logprobs: Any = None
    item: Any = None
    response: Any = None


_decode = msgspec.json.Decoder(_Event).decode


class Chunks:
    """Fed with the frames of one response, to its last; ends with `[DONE]`, or with an error."""

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._head: dict[str, Any] = {}
        self._calls: dict[str, int] = {}
        self._told: set[str] = set()
        """Items of which something was sent: of the others all is sent when they are done."""

    def feed(self, frames: Iterable[bytes]) -> bytes:
        return b"".join(
            piece for frame in frames for piece in self._pieces(_decode(data_of(frame)))
        )

    def _pieces(self, event: _Event) -> Iterator[bytes]:
        if event.type in BEGINNINGS:
            yield from self._begin(event.response)
        elif event.type in ENDS:
            yield from self._end(event.response)
        else:
            for delta in self._deltas(event):
                yield self._chunk(delta, logprobs=event.logprobs)

    def _begin(self, response: dict[str, Any]) -> Iterator[bytes]:
        if self._head:
            return
        self._head = {
            "id": completion_id(response),
            "object": "chat.completion.chunk",
            "created": response["created_at"],
            "model": response["model"],
            "system_fingerprint": None,
            **({"usage": None} if self._include_usage else {}),
        }
        yield self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _deltas(self, event: _Event) -> Iterator[dict[str, Any]]:
        if event.type == "response.output_item.added":
            yield from self._opened(event.item)
        elif event.type == "response.output_item.done":
            yield from self._rest(event.item)
        elif isinstance(event.delta, str) and event.delta:
            yield from self._said(event)

    def _said(self, event: _Event) -> Iterator[dict[str, Any]]:
        delta: dict[str, Any]
        if event.type == "response.output_text.delta":
            delta = {"content": event.delta}
        elif event.type == "response.refusal.delta":
            delta = {"refusal": event.delta}
        elif event.type in REASONING_DELTAS:
            delta = {"reasoning_content": event.delta}
        elif event.type == "response.function_call_arguments.delta":
            delta = self._arguments(event.item_id, event.delta)
        else:
            return
        self._told.add(event.item_id)
        yield delta

    def _opened(self, item: Item) -> Iterator[dict[str, Any]]:
        if item["type"] == "function_call" and item["id"] not in self._calls:
            index = self._calls[item["id"]] = len(self._calls)
            call = call_in({**item, "arguments": ""})
            yield {"tool_calls": [{"index": index, **call}]}

    def _arguments(self, item_id: str, text: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": self._calls[item_id], "function": {"arguments": text}}]}

    def _rest(self, item: Item) -> Iterator[dict[str, Any]]:
        """What an engine gave as a whole, and not in deltas."""
        yield from self._opened(item)
        if item["id"] in self._told:
            return
        self._told.add(item["id"])
        match item["type"]:
            case "message":
                text, refusal = said_in(item)
                yield from ({name: said} for name, said in _named(text, refusal) if said)
            case "reasoning" if reasoning := reasoning_in(item):
                yield {"reasoning_content": reasoning}
            case "function_call" if arguments := item.get("arguments"):
                yield self._arguments(item["id"], arguments)

    def _end(self, response: dict[str, Any]) -> Iterator[bytes]:
        """A failure is told as an error, and never looks like a clean end."""
        if error := failure(response):
            yield error_data(error)
            return
        for item in response["output"]:
            yield from map(self._chunk, self._rest(item))
        yield self._chunk({}, finish_reason=finish_reason(response))
        if self._include_usage and (usage := usage_of(response)):
            yield _data({**self._head, "choices": [], "usage": usage})
        yield DONE

    def _chunk(
        self, delta: dict[str, Any], *, logprobs: Any = None, finish_reason: str | None = None
    ) -> bytes:
        choice = {
            "index": 0,
            "delta": delta,
            "logprobs": shown_logprobs(logprobs),
            "finish_reason": finish_reason,
        }
        return _data({**self._head, "choices": [choice]})


def error_data(error: BackstoryError) -> bytes:
    """OpenAI's clients raise it."""
    return _data(error_body(error))


def _named(text: str, refusal: str) -> Iterable[tuple[str, str]]:
    return ("content", text), ("refusal", refusal)


def _data(value: Any) -> bytes:
    return b"data: %b\n\n" % _encode(value)
