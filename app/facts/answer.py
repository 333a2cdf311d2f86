"""What an engine said, as data: tolerant of what stands round it, not of what it is not."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from app.errors import BackstoryError
from app.facts.types import Proposed, Verdict

FENCE = re.compile(r"```(?:json)?", re.IGNORECASE)
THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
NEXT_ENTRY = re.compile(r"\s*,?\s*(?=[{\[\"\dtfn-])")
FIELD_CHARS_MAX = 100
ENTITIES_MAX = 12
SOURCES_MAX = 8

DECODER = json.JSONDecoder()


class Unreadable(BackstoryError):
    """The engine's answer is not what was asked for. The message never quotes it."""

    code = "engine_answer_unreadable"


def entries_in(said: str, name: str) -> list[Any]:
    """The entries of the list of this name, or of a bare list. Of a list that was cut off, those
    that are whole. Raises Unreadable where there is no such list."""
    text = FENCE.sub("", THOUGHT.sub("", said))
    begun = re.search(rf'\{{\s*"{name}"\s*:\s*\[', text) or re.search(r"\[\s*(?=[{\]])", text)
    if begun is None:
        raise Unreadable(f"The engine's answer ({len(said)} characters) has no list of {name}.")
    entries = list(_entries(text, begun.end()))
    if not entries and not re.match(r"\s*\]", text[begun.end() :]):
        raise Unreadable(f"The engine's answer ({len(said)} characters) is no JSON.")
    return entries


def _entries(text: str, at: int) -> Iterator[Any]:
    while begun := NEXT_ENTRY.match(text, at):
        try:
            entry, at = DECODER.raw_decode(text, begun.end())
        except (ValueError, RecursionError):
            return
        yield entry


def proposed_in(said: str) -> list[Proposed | None]:
    """None for each that is not of the shape of a fact. Raises Unreadable."""
    return [_proposed(entry) for entry in entries_in(said, "facts")]


class _Told(msgspec.Struct):
    """As it is asked for, read leniently."""

    text: str
    subject: str
    attribute: str | None = None
    value: str | None = None
    entities: list[str] = []
    messages: list[int] = []
    since: str | None = None
    until: str | None = None
    lasting: bool = True


def _proposed(entry: Any) -> Proposed | None:
    try:
        told = msgspec.convert(entry, _Told, strict=False)
    except msgspec.ValidationError:
        return None
    text, subject = _clean(told.text), _clean(told.subject)
    if not text or not subject or len(subject) > FIELD_CHARS_MAX:
        return None
    return Proposed(
        text=text,
        subject=subject,
        attribute=_field(told.attribute),
        value=_field(told.value),
        entities=tuple(filter(None, map(_field, told.entities[:ENTITIES_MAX]))),
        messages=tuple(dict.fromkeys(told.messages[:SOURCES_MAX])),
        since=_field(told.since),
        until=_field(told.until),
        lasting=told.lasting,
    )


def _field(text: str | None) -> str | None:
    return _clean(text)[:FIELD_CHARS_MAX] or None if text else None


def _clean(text: str) -> str:
    """On one line; Postgres' text takes every character but NUL, and UTF-8 no half surrogates."""
    whole = text.encode(errors="replace").decode()
    return " ".join(whole.replace("\x00", "\ufffd").split())


class _Judged(msgspec.Struct):
    pair: int
    verdict: Verdict


def verdicts_in(said: str) -> dict[int, Verdict]:
    """By the numbers of the pairs. Raises Unreadable."""
    found: dict[int, Verdict] = {}
    for entry in entries_in(said, "verdicts"):
        try:
            judged = msgspec.convert(entry, _Judged, strict=False)
        except msgspec.ValidationError:
            continue
        found.setdefault(judged.pair, judged.verdict)
    return found
