from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.sse import DONE, WholeEvents, data_of_events
from app.errors import EngineBroken

BYTES_MAX = 10_000

line = st.binary(max_size=30).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b""))
noise = st.sampled_from([b": ping", b"id: 7", b"retry: 100", b"event: message", b"data_: x", b":"])
data_line = line.filter(lambda text: text != DONE).map(lambda text: b"data: " + text)
event = st.lists(data_line | noise, min_size=1, max_size=5)


def parse(*chunks: bytes) -> list[bytes]:
    events = WholeEvents(BYTES_MAX)
    found = []
    for chunk in chunks:
        found += data_of_events(events.feed(chunk))
        events.check()
    return found


def expected(lines: list[bytes]) -> bytes | None:
    data = [line[6:] for line in lines if line.startswith(b"data: ")]
    return b"\n".join(data) if data else None


@given(events=st.lists(event, max_size=6), ending=st.sampled_from([b"\n", b"\r\n"]), data=st.data())
def test_any_chunking_gives_the_same_events(
    events: list[list[bytes]], ending: bytes, data: st.DataObject
) -> None:
    stream = b"".join(ending.join([*lines, b"", b""]) for lines in events)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    bounds = sorted([0, *cuts, len(stream)])
    chunks = [stream[a:b] for a, b in pairwise(bounds)]
    assert parse(*chunks) == [said for lines in events if (said := expected(lines)) is not None]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data\n\n", [b""]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"event: x\ndata: a\nid: 1\n\n", [b"a"]),
        (b": only a comment\n\n", []),
        (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\n\n", [b"a", b"b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data: [DONE]\n\n", []),
        (b"data: a\n\ndata: [DONE]\n\n", [b"a"]),
        (b"data: a\n\ndata: half", [b"a"]),
        (b"data: a\n", []),
    ],
)
def test_what_the_standard_says(stream: bytes, events: list[bytes]) -> None:
    assert parse(stream) == events
    assert parse(*(bytes([byte]) for byte in stream)) == events


def test_an_empty_chunk_within_a_line_ending_changes_nothing() -> None:
    assert parse(b"data: a\r", b"", b"\ndata: b\r\n\r", b"", b"\n") == [b"a\nb"]


def test_an_event_above_the_limit_is_broken() -> None:
    with pytest.raises(EngineBroken, match="larger than 10000 bytes"):
        parse(b"data: " + b"x" * BYTES_MAX + b"\n\n")


def test_what_came_together_with_an_event_above_the_limit_came() -> None:
    events = WholeEvents(BYTES_MAX)
    stream = b"data: a\n\ndata: %b\n\ndata: b\n\n" % (b"x" * BYTES_MAX)
    assert data_of_events(events.feed(stream)) == [b"a"]
    with pytest.raises(EngineBroken):
        events.check()


def test_an_event_that_never_ends_is_broken() -> None:
    with pytest.raises(EngineBroken):
        parse(*[b"data: more\n"] * BYTES_MAX)


def test_many_small_events_in_one_chunk_are_no_large_event() -> None:
    assert len(parse(b"data: x\n\n" * BYTES_MAX)) == BYTES_MAX
