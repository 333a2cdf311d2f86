"""Frames of deltas that are alike, written without encoding each: only text and number differ."""

from typing import NamedTuple
from uuid import uuid4

import msgspec

from app.engine.types import Event
from app.web.frames import frame

_TEXT = uuid4().hex
_NUMBER = uuid4().int >> 68  # below 2**60, as msgspec writes any integer
"""Drawn anew in each process, so that no engine says them by accident or on purpose."""


class Stencil(NamedTuple):
    """What lies before, between and after the text and the sequence number of one delta."""

    event: Event
    before: bytes
    between: bytes
    after: bytes
    text_first: bool

    def frames(self, texts: list[bytes], number: int) -> list[bytes]:
        """The texts are insides of JSON strings; the numbers count up from the one given."""
        _, before, between, after, text_first = self
        if text_first:
            return [
                b"%b%b%b%d%b" % (before, text, between, n, after)
                for n, text in enumerate(texts, number)
            ]
        return [
            b"%b%d%b%b%b" % (before, n, between, text, after)
            for n, text in enumerate(texts, number)
        ]


def stencil_of(event: Event, told: Event) -> Stencil:
    """Of an engine's event as it is told: a frame of it is made as every other is."""
    marked = {**told, "delta": _TEXT, "sequence_number": _NUMBER}
    text, number = _TEXT.encode(), b"%d" % _NUMBER
    made = frame(event["type"], msgspec.json.encode(marked))
    text_first = made.index(text) < made.index(number)
    before, _, rest = made.partition(text if text_first else number)
    between, _, after = rest.partition(number if text_first else text)
    return Stencil(event, before, between, after, text_first)
