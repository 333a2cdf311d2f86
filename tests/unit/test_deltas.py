"""Deltas that are alike are read and written as if each were parsed and encoded."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.engine.decode import decode_object
from app.engine.deltas import DeltaReader, Deltas
from app.engine.sse import data_of_events
from app.errors import BackstoryError
from app.ids import ResponseId, new_id
from app.responses.complete import Completer
from app.responses.resource import new_resource
from app.responses.types import CreateRequest, ResponseFields

Event = dict[str, Any]

TYPES = (
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
    "response.unheard_of.delta",
)
WHERE: Event = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
MORE: Event = {"logprobs": [], "obfuscation": "abc", "about": '"delta": "x"', "n": {"delta": "x"}}

text = st.text(max_size=8) | st.sampled_from(['"', "\\", "\n\n", '","', "é", "\x00", "x", "abc"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Event], bytes]:
    """Deltas of one form: some fields in some order, spaces or none, a name or none."""
    fields = draw(st.permutations([*WHERE, *MORE, "delta", "sequence_number"]))
    left_out = draw(st.sets(st.sampled_from([*WHERE, *MORE, "sequence_number"])))
    common = {**WHERE, **MORE, "type": draw(st.sampled_from(TYPES))}
    names = [name for name in ["type", *fields] if name not in left_out]
    events = [
        {name: ({**common, "delta": delta, "sequence_number": n})[name] for name in names}
        for n, delta in enumerate(draw(st.lists(text, min_size=2, max_size=6)), 7)
    ]
    indented, named = draw(st.booleans()), draw(st.booleans())
    return events, b"".join(framed(event, indented, named) for event in events)


def framed(event: Event, indented: bool, named: bool) -> bytes:
    data = msgspec.json.encode(event)
    if indented:
        data = msgspec.json.format(data, indent=-1).replace(b'":', b'": ').replace(b",", b", ")
        if decode_object(data) != event:  # it was in a text
            data = msgspec.json.encode(event)
    name = b"event: %b\n" % event["type"].encode() if named else b""
    return b"%bdata: %b\n\n" % (name, data)


def taught(whole: bytes) -> DeltaReader:
    """By the first event of a stream."""
    reader = DeltaReader()
    first = whole[: whole.index(b"\n\n") + 2]
    reader.learn(first, [decode_object(data) for data in data_of_events(first)])
    return reader


def without_number(events: Iterable[Event]) -> list[Event]:
    return [{**event, "sequence_number": 0} for event in events]


@given(streams())
def test_what_is_read_as_alike_is_what_was_sent(stream: tuple[list[Event], bytes]) -> None:
    events, whole = stream
    if deltas := taught(whole).read(whole):
        assert without_number(deltas) == without_number(events)


@given(streams(), st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=2)), max_size=3))
def test_what_is_mangled_is_read_as_it_is_or_not_at_all(
    stream: tuple[list[Event], bytes], changes: list[tuple[int, bytes]]
) -> None:
    reader, whole = taught(stream[1]), stream[1]
    for place, put in changes:
        at = place % len(whole)
        whole = whole[:at] + put + whole[at + 1 :]
    if deltas := reader.read(whole):
        read = [decode_object(data) for data in data_of_events(whole)]
        assert without_number(deltas) == without_number(read)


PLAIN = b'event: e.delta\ndata: {"type":"e.delta","delta":"%b","sequence_number":%b}\n\n'


def plain(said: bytes, number: bytes = b"5") -> bytes:
    return PLAIN % (said, number)


def test_the_common_case_is_read_as_alike() -> None:
    whole = b"".join(plain(said) for said in (b"one", b"", b"\\n", b'\\"two\\"', "drüben".encode()))
    deltas = taught(plain(b"first")).read(whole)
    assert isinstance(deltas, Deltas)
    assert [event["delta"] for event in deltas] == ["one", "", "\n", '"two"', "drüben"]


@pytest.mark.parametrize(
    "whole",
    [
        plain(b"a\nb"),
        plain(b'a"b'),
        plain(b"a\\"),
        plain(b"\\u00e9"),
        plain(b"\\/"),
        plain(b"\xff"),
        plain(b"\xc3") + plain(b"\xa9"),
        plain(b"a\x005\nb"),
        plain(b"a", b"05"),
        plain(b"a", b"-5"),
        plain(b"a", b"5.0"),
        plain(b"a", b'"5"'),
        plain(b"a") + b": ping\n\n",
        plain(b"a") + b"data: [DONE]\n\n",
        plain(b"a")[:-2],
        plain(b"a").replace(b"}", b',"more":1}'),
        plain(b'a","sequence_number":5,"delta":"b'),
    ],
)
def test_what_differs_is_parsed(whole: bytes) -> None:
    assert taught(plain(b"first")).read(whole) is None


def test_an_engine_without_a_form_is_not_learned_from_for_ever() -> None:
    reader = DeltaReader()
    for n in range(100):
        event = {"type": "e.delta", "delta": "x", "obfuscation": "y" * (n + 2)}
        whole = framed(event, indented=False, named=True)
        assert reader.read(whole) is None
        reader.learn(whole, [event])
    last = framed(event, indented=False, named=True)
    assert reader.read(last) is None


# Writing


def a_completer() -> Completer:
    request = CreateRequest(
        fields=ResponseFields(model="m"), items=[], parameters={}, conversation=None
    )
    resource = new_resource(
        request, ResponseId(new_id()), 0, previous_response=None, conversation=None
    )
    return Completer({**resource, "id": "resp_1"}, {})


def added(completer: Completer, events: Iterable[Event]) -> list[bytes]:
    return [made for event in events for made in completer.add(event)]


def neutral(completer: Completer, frames: list[bytes]) -> list[bytes]:
    """With names of its own ids, which are drawn anew in each completer."""
    for index, output in enumerate(completer.output_items()):
        own, name = output.item["id"].encode(), b"item_%d" % index
        frames = [made.replace(own, name) for made in frames]
    return frames


texts = st.lists(text, min_size=1, max_size=4)
OPENED: Event = {"type": "response.output_item.added", "item": {"id": "a", "type": "message"}}
OTHER: Event = {"type": "response.output_item.added", "item": {"id": "b", "type": "message"}}


@given(streams(), st.lists(texts, max_size=4), st.booleans())
@example(([{"type": TYPES[0], "delta": ""}], b""), [["a"], ["b"]], True)
def test_frames_are_those_of_single_events(
    stream: tuple[list[Event], bytes], said: list[list[str]], opened: bool
) -> None:
    event = stream[0][0]
    one_by_one, alike = a_completer(), a_completer()
    slow, fast = [], []
    for number, batch in enumerate(said):
        before = [OPENED] if number == 0 and opened else [OTHER] if number == 2 else []
        insides = [msgspec.json.encode(text)[1:-1] for text in batch]
        slow += added(one_by_one, [*before, *({**event, "delta": text} for text in batch)])
        fast += added(alike, before) + alike.add_deltas(Deltas(event, insides))
    for completer, frames in ((one_by_one, slow), (alike, fast)):
        frames += completer.fail(BackstoryError("broken off"))
        frames.append(completer.last_frame())
    assert neutral(alike, fast) == neutral(one_by_one, slow)
