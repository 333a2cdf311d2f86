"""Messages as an engine is shown them: in order of time, cut to what fits into one call."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from app.facts.types import Message, Passage

PASSAGE_CHARS = 2_000
FRAME_CHARS = 90
"""What stands round a passage in a prompt."""

RECALLED = re.compile(r"<memories>.*?(?:</memories>|\Z)", re.DOTALL)
RECALLED_LINE = re.compile(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d\] .*$", re.MULTILINE)
"""A recalled `context`, as clients put it into what their users say: nobody says that anew."""

SENTENCE_END = re.compile(r"[.!?]\s|[。\uff01\uff1f\n]")


class Cut(msgspec.Struct, frozen=True):
    passages: list[Passage]
    rest: dict[str, Any] | None
    """The payload of the job that goes on from here."""


def cut(messages: Sequence[Message], start: int, chars_max: int) -> Cut:
    """As much as fits, from character `start` of the first message on; at least a piece."""
    passages: list[Passage] = []
    left = chars_max
    for place, message in enumerate(messages):
        text = without_recalled(message.content)
        at = start if place == 0 else 0
        while at < len(text):
            room = min(PASSAGE_CHARS, left - FRAME_CHARS)
            if passages and room < min(len(text) - at, PASSAGE_CHARS):
                return Cut(passages, _rest(messages[place:], at))
            piece = _piece(text, at, max(room, 1))
            if piece.strip():
                passages.append(Passage(len(passages) + 1, message, piece.strip()))
            left -= len(piece) + FRAME_CHARS
            at += len(piece)
    return Cut(passages, None)


def without_recalled(text: str) -> str:
    return RECALLED_LINE.sub("", RECALLED.sub("", text))


def _rest(messages: Sequence[Message], start: int) -> dict[str, Any]:
    return {"memories": [message.memory_id.hex for message in messages], "start": start}


def _piece(text: str, at: int, size: int) -> str:
    """To the end of a sentence, where one ends in the latter half."""
    piece = text[at : at + size]
    if at + size >= len(text):
        return piece
    ends = [found.end() for found in SENTENCE_END.finditer(piece) if found.end() > size // 2]
    return piece[: ends[-1]] if ends else piece
