"""The running hash of what was said, by which a client that resends its history is known again.

It goes over steps. What an assistant says in a row is one step, of its text, its refusal and its
calls alone: clients resend that in another order or in fewer parts, and leave reasoning out. Each
other item is a step of its own, by its content.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from app.conversations.contents import HASH_BYTES, NewItem

_canonical = msgspec.json.Encoder(order="deterministic").encode


class _Role(msgspec.Struct):
    role: Any = None


class _Message(msgspec.Struct):
    content: Any = None


class _Call(msgspec.Struct):
    call_id: Any = None
    name: Any = None
    arguments: Any = None


_role_of = msgspec.json.Decoder(_Role).decode
_message = msgspec.json.Decoder(_Message).decode
_call = msgspec.json.Decoder(_Call).decode


def extend_history(history: bytes, items: Iterable[NewItem]) -> bytes:
    """The hash up to and with these, which follow what has the hash `history`."""
    for extended in histories(history, items):
        history = extended
    return history


def histories(history: bytes, items: Iterable[NewItem]) -> Iterator[bytes]:
    """The hash after each of these items."""
    step: _AssistantStep | None = None
    for item in items:
        if said_by_assistant(item):
            step = step or _AssistantStep(history)
            step.add(item)
            history = step.hash()
        else:
            step = None
            history = _hash(history, item.content.hash)
        yield history


def said_by_assistant(item: NewItem) -> bool:
    """Also reasoning, and the calls of tools that an engine runs itself."""
    if item.type == "message":
        return bool(_role_of(item.content.body).role == "assistant")
    return item.type == "reasoning" or item.type.endswith("_call")


class _AssistantStep:
    """Grows item by item, so that the hash after each costs no more than the item."""

    def __init__(self, before: bytes) -> None:
        self._before = before
        self._text = blake2b(digest_size=HASH_BYTES)
        self._refusal = blake2b(digest_size=HASH_BYTES)
        self._calls = blake2b(digest_size=HASH_BYTES)

    def add(self, item: NewItem) -> None:
        if item.type == "message":
            self._add_message(item.content.body)
        elif item.type == "function_call":
            call = _call(item.content.body)
            said = [call.call_id, call.name, _value(call.arguments)]
            self._calls.update(_canonical(said))

    def hash(self) -> bytes:
        pieces = (self._text, self._refusal, self._calls)
        return _hash(self._before, *(piece.digest() for piece in pieces))

    def _add_message(self, body: bytes) -> None:
        content = _message(body).content
        parts = content if isinstance(content, list) else []
        for part in parts:
            _add_text(self._text, part, "text")
            _add_text(self._refusal, part, "refusal")


def _add_text(hash_: blake2b, part: Any, field: str) -> None:
    if isinstance(part, dict) and isinstance(text := part.get(field), str):
        hash_.update(text.encode())


def _value(arguments: Any) -> Any:
    """What JSON arguments say, however they are written: SDKs write them anew."""
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, TypeError, RecursionError, UnicodeError):
        return arguments


def _hash(*pieces: bytes) -> bytes:
    return blake2b(b"".join(pieces), digest_size=HASH_BYTES).digest()
