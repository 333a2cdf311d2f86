"""The chunks of a chat completion as the events of a response."""

import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from app.engine.chat_chunk import (
    CallDelta,
    ChatUsage,
    Choice,
    Chunk,
    CompletionDetails,
    Delta,
    PromptDetails,
)
from app.engine.failures import ended_early, error_of_event
from app.engine.types import EngineRequest, Event, Item
from app.errors import EngineBroken
from app.ids import id_text, new_id

Kind = Literal["output_text", "refusal", "reasoning_text"]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_BROKEN = frozenset({"abort", "error"})


class ChatEvents:
    """Fed with the chunks of one completion, gives the events of one response."""

    def __init__(self, request: EngineRequest, secret: str | None) -> None:
        self._secret = secret
        self._response: Item = {
            "id": id_text("resp", new_id()),
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "instructions": request.instructions,
            "model": request.model,
            "usage": None,
        }
        self._items: list[_TextItem | _CallItem] = []
        self._text: _TextItem | None = None
        self._calls: dict[int, _CallItem] = {}
        self._finish_reason: str | None = None
        self._sequence_number = 0

    def begin(self) -> Iterator[Event]:
        for kind in ("response.created", "response.in_progress"):
            yield self._numbered({"type": kind, "response": self._response | {"output": []}})

    def feed(self, chunk: Chunk) -> Iterator[Event]:
        """Raises an EngineError where the chunk says that the engine failed."""
        if chunk.error is not None:
            raise error_of_event(chunk.error, self._secret)
        if chunk.usage is not None:
            self._response["usage"] = _usage(chunk.usage)
        for choice in chunk.choices or []:
            if choice.index == 0:
                yield from map(self._numbered, self._choice(choice))

    def end(self) -> Iterator[Event]:
        """Raises EngineBroken where the completion had not come to its end."""
        if self._finish_reason is None:
            raise ended_early()
        if self._finish_reason in _BROKEN:
            raise EngineBroken("The engine gave up in the middle of its answer.")
        yield from map(self._numbered, self._last_events())

    def _choice(self, choice: Choice) -> Iterator[Event]:
        delta = choice.delta or Delta()
        if reasoning := delta.reasoning_content or delta.reasoning:
            yield from self._write("reasoning_text", reasoning)
        if delta.content:
            logprobs = choice.logprobs.content if choice.logprobs else None
            yield from self._write("output_text", delta.content, logprobs)
        if delta.refusal:
            yield from self._write("refusal", delta.refusal)
        for call in delta.tool_calls or []:
            yield from self._call(call)
        self._finish_reason = choice.finish_reason or self._finish_reason

    def _write(self, kind: Kind, delta: str, logprobs: list[Item] | None = None) -> Iterator[Event]:
        if self._text is None or self._text.kind != kind:
            yield from self._close_text("completed")
            self._text = _TextItem(kind, len(self._items))
            self._items.append(self._text)
            yield from self._text.opened()
        yield self._text.delta(delta, logprobs or [])

    def _call(self, call: CallDelta) -> Iterator[Event]:
        index = call.index or 0
        item = self._calls.get(index)
        # Some servers give every call the index 0: another id is another call.
        if item is None or (call.id and call.id != item.call_id):
            yield from self._close_text("completed")
            item = _CallItem(call.id, call.function.name or "", len(self._items))
            self._calls[index] = item
            self._items.append(item)
            yield item.opened()
        if call.function.arguments:
            yield item.delta(call.function.arguments)

    def _close_text(self, status: str) -> Iterator[Event]:
        if self._text is not None:
            yield from self._text.closed(status)
        self._text = None

    def _last_events(self) -> Iterator[Event]:
        if not self._items:
            # The model had nothing to say: an empty message, as OpenAI answers then.
            yield from self._write("output_text", "")
        reason = _INCOMPLETE.get(self._finish_reason or "")
        status = "incomplete" if reason else "completed"
        yield from self._close_text(status)
        for item in self._items:
            if isinstance(item, _CallItem):
                yield from item.closed(status)
        response = self._response | {
            "status": status,
            "output": [item.item for item in self._items],
            "incomplete_details": {"reason": reason} if reason else None,
        }
        yield {"type": f"response.{status}", "response": response}

    def _numbered(self, event: Event) -> Event:
        event["sequence_number"] = self._sequence_number
        self._sequence_number += 1
        return event


class _TextItem:
    """An output item of a single part: a message's text or refusal, or reasoning."""

    def __init__(self, kind: Kind, output_index: int) -> None:
        self.kind = kind
        self._field = "refusal" if kind == "refusal" else "text"
        self._deltas: list[str] = []
        self._logprobs: list[Item] = []
        self._output_index = output_index
        self.item: Item = (
            {"id": id_text("rs", new_id()), "type": "reasoning", "summary": []}
            if kind == "reasoning_text"
            else {"id": id_text("msg", new_id()), "type": "message", "role": "assistant"}
        ) | {"status": "in_progress", "content": []}
        self._where = {
            "item_id": self.item["id"],
            "output_index": output_index,
            "content_index": 0,
        }

    def opened(self) -> Iterator[Event]:
        yield _item_event("added", self._output_index, self.item)
        part = self._part("", [])
        yield {"type": "response.content_part.added", **self._where, "part": part}

    def delta(self, text: str, logprobs: list[Item]) -> Event:
        self._deltas.append(text)
        self._logprobs += logprobs
        event = {"type": f"response.{self.kind}.delta", **self._where, "delta": text}
        return event | ({"logprobs": logprobs} if self.kind == "output_text" else {})

    def closed(self, status: str) -> Iterator[Event]:
        part = self._part("".join(self._deltas), self._logprobs)
        said = {name: value for name, value in part.items() if name in (self._field, "logprobs")}
        yield {"type": f"response.{self.kind}.done", **self._where, **said}
        yield {"type": "response.content_part.done", **self._where, "part": part}
        self.item |= {"status": status, "content": [part]}
        yield _item_event("done", self._output_index, self.item)

    def _part(self, text: str, logprobs: list[Item]) -> Item:
        part = {"type": self.kind, self._field: text}
        more: Item = {"annotations": [], "logprobs": logprobs}
        return part | (more if self.kind == "output_text" else {})


class _CallItem:
    """A function call. It stays open to the end, since calls may come interleaved."""

    def __init__(self, call_id: str | None, name: str, output_index: int) -> None:
        self.call_id = call_id or id_text("call", new_id())
        self._deltas: list[str] = []
        self._output_index = output_index
        self.item: Item = {
            "id": id_text("fc", new_id()),
            "type": "function_call",
            "status": "in_progress",
            "call_id": self.call_id,
            "name": name,
            "arguments": "",
        }
        self._where = {"item_id": self.item["id"], "output_index": output_index}

    def opened(self) -> Event:
        return _item_event("added", self._output_index, self.item)

    def delta(self, arguments: str | dict[str, Any]) -> Event:
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        self._deltas.append(text)
        return {"type": "response.function_call_arguments.delta", **self._where, "delta": text}

    def closed(self, status: str) -> Iterator[Event]:
        arguments = "".join(self._deltas)
        self.item |= {"status": status, "arguments": arguments}
        said = {"name": self.item["name"], "arguments": arguments}
        yield {"type": "response.function_call_arguments.done", **self._where, **said}
        yield _item_event("done", self._output_index, self.item)


def _item_event(what: Literal["added", "done"], output_index: int, item: Item) -> Event:
    return {
        "type": f"response.output_item.{what}",
        "output_index": output_index,
        "item": dict(item),
    }


def _usage(usage: ChatUsage) -> Item:
    read, written = usage.prompt_tokens, usage.completion_tokens
    prompt = usage.prompt_tokens_details or PromptDetails()
    completion = usage.completion_tokens_details or CompletionDetails()
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": prompt.cached_tokens or 0,
            "cache_write_tokens": prompt.cache_write_tokens or 0,
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": completion.reasoning_tokens or 0},
        "total_tokens": usage.total_tokens or read + written,
    }
