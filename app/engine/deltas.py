"""Text deltas that are alike: nearly all of a stream, read without parsing each.

An engine writes one delta after another in the same form, with another text and number. Once one
was parsed its form is known, and those that follow are read by looking for the bytes between the
texts, at a tenth of the cost. Whatever differs in a byte, or holds a text that is not written as
msgspec would write it, is parsed as ever.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from app.engine.decode import NOT_JSON
from app.engine.types import Event

_encode = msgspec.json.encode
_decode = msgspec.json.decode

TEXT = rb'([^"\\\x00-\x1f]*(?:\\["\\bfnrt][^"\\\x00-\x1f]*)*)'
NUMBER = rb"(?:0|[1-9][0-9]*)"
TEXT_LINE = re.compile(rb"^%b$" % TEXT, re.MULTILINE)
TEXT_NUMBER_LINE = re.compile(rb"^%b\x00%b$" % (TEXT, NUMBER), re.MULTILINE)
NUMBER_TEXT_LINE = re.compile(rb"^%b\x00%b$" % (NUMBER, TEXT), re.MULTILINE)
NUMBER_FIELD = re.compile(rb'"sequence_number": ?(%b)' % NUMBER)
EVENT = re.compile(rb"((?:event: [^\n]*\n)?data: )([^\n]*)\n\n")

OTHER_TEXT, OTHER_NUMBER = "another text", 1_234_567_890
NEEDLE_BYTES = 16
"""Bytes are found fastest by so many: longer needles are four times slower (CPython 3.11)."""

PLACES_MAX = 8
LESSONS_MAX = 8
"""From an engine whose deltas never come in one form it is not learned for ever."""


class Deltas:
    """Events that differ in nothing but their `delta`; iterated, events like others.

    Their sequence numbers are not kept: all have that of the first one of their form.
    """

    __slots__ = ("event", "texts")

    def __init__(self, event: Event, texts: list[bytes]) -> None:
        self.event = event
        """What is common to them; the same object for all that come in one form."""
        self.texts = texts
        """Insides of JSON strings, as msgspec writes them."""

    def __iter__(self) -> Iterator[Event]:
        for text in self.texts:
            yield {**self.event, "delta": text_of(text)}


def text_of(said: str | bytes) -> str:
    """Of a delta's text, or of the inside of a JSON string."""
    if isinstance(said, str):
        return said
    text: str = _decode(b'"%b"' % said)
    return text


class Form:
    """How an engine writes one delta: what lies before, between and after its text and number."""

    __slots__ = ("_needle", "_needle_rest", "after", "before", "between", "event", "line")

    def __init__(
        self, before: bytes, between: bytes, after: bytes, line: re.Pattern[bytes], event: Event
    ) -> None:
        self.before = before
        self.between = between
        self.after = after
        self.line = line
        self.event = event
        self._needle = (after + before)[:NEEDLE_BYTES]
        self._needle_rest = (after + before)[NEEDLE_BYTES:]

    def read(self, whole: bytes) -> list[bytes]:
        """The texts of events in this form; none where one of them has another."""
        if not (whole.startswith(self.before) and whole.endswith(self.after)) or b"\0" in whole:
            return []
        inner = whole[len(self.before) : -len(self.after)]
        pieces = inner.split(self._needle)
        lines = b"\n".join([piece.removeprefix(self._needle_rest) for piece in pieces])
        missing = (len(pieces) - 1) * (len(self._needle) + len(self._needle_rest) - 1)
        if len(lines) != len(inner) - missing or lines.count(b"\n") != len(pieces) - 1:
            return []
        if self.between:
            lines = lines.replace(self.between, b"\0")
        texts: list[bytes] = self.line.findall(lines)
        return texts if len(texts) == len(pieces) and _is_utf8(lines) else []


class DeltaReader:
    """For one stream. What `read` does not know is parsed by its caller, who lets it `learn`."""

    def __init__(self) -> None:
        self._form: Form | None = None
        self._lessons_left = LESSONS_MAX

    def read(self, whole: bytes) -> Deltas | None:
        if self._form is None:
            return None
        texts = self._form.read(whole)
        if not texts:
            return None
        self._lessons_left = LESSONS_MAX
        return Deltas(self._form.event, texts)

    def learn(self, whole: bytes, events: Sequence[Event]) -> None:
        """From the last event: what follows is likely to be alike."""
        if not self._lessons_left or not events or not _is_text_delta(events[-1]):
            return
        self._lessons_left -= 1
        last = whole[:-2].rpartition(b"\n\n")[2] + b"\n\n"
        self._form = form_of(last, events[-1]) or self._form


def _is_text_delta(event: Event) -> bool:
    return event["type"].endswith(".delta") and isinstance(event.get("delta"), str)


def form_of(block: bytes, event: Event) -> Form | None:
    """Proved by reading it with another text and number: these alone may change what it says."""
    found = EVENT.fullmatch(block)
    if not found:
        return None
    head, data = found.groups()
    for form in islice(_forms(data, event), PLACES_MAX):
        if _proved(form):
            return Form(head + form.before, form.between, form.after + b"\n\n", form.line, event)
    return None


def _forms(data: bytes, event: Event) -> Iterator[Form]:
    """What it may be, since the text may stand in other fields too."""
    text = re.escape(_encode(event["delta"])[1:-1])
    for found in re.finditer(rb'(?<=")%b(?=")' % text, data):
        before, after = data[: found.start()], data[found.end() :]
        if "sequence_number" not in event:
            yield Form(before, b"", after, TEXT_LINE, event)
        for number in NUMBER_FIELD.finditer(after):
            start, end = number.span(1)
            yield Form(before, after[:start], after[end:], TEXT_NUMBER_LINE, event)
        for number in NUMBER_FIELD.finditer(before):
            start, end = number.span(1)
            yield Form(before[:start], before[end:], after, NUMBER_TEXT_LINE, event)


def _proved(form: Form) -> bool:
    text, number = OTHER_TEXT.encode(), b"%d" % OTHER_NUMBER
    first, second = (number, text) if form.line is NUMBER_TEXT_LINE else (text, number)
    says = {**form.event, "delta": OTHER_TEXT, "sequence_number": OTHER_NUMBER}
    if form.line is TEXT_LINE:
        second = b""
        del says["sequence_number"]
    try:
        said: object = _decode(b"".join((form.before, first, form.between, second, form.after)))
    except NOT_JSON:
        return False
    return said == says


def _is_utf8(lines: bytes) -> bool:
    try:
        return lines.isascii() or bool(lines.decode())
    except UnicodeDecodeError:
        return False
