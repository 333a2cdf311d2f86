"""An engine's bytes, cut and mangled anywhere: what the client gets is well formed all the same."""

import asyncio
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import ValidationError

from app.engine.chat_request import chat_body
from app.engine.local_server import LocalServer
from app.errors import EngineError
from tests.support.byte_engine import DONE, EVENT_BYTES_MAX, Kind, Told, frames_of, tell
from tests.support.differences import models_by_type
from tests.support.engine_calls import ask
from tests.support.engine_events import Json
from tests.support.engine_script import Script, answer_text
from tests.support.lifecycle import Lifecycle
from tests.support.standard import check_event

SCRIPTS: dict[str, tuple[Kind, Script]] = {
    "text": ("responses", Script(say="Hi, you")),
    "reasoning": ("responses", Script(think="let me see", say="Yes", bare=True)),
    "call": ("responses", Script(call='f {"a": 1}', deltas=2, bare=True)),
    "refusal": ("responses", Script(refuse=True, say="No, sorry", bare=True)),
    "incomplete": ("responses", Script(incomplete=True, say="And", bare=True)),
    "many": ("responses", Script(words=12, bare=True)),
    "chat": ("chat", Script(think="let me see", say="Hi, you")),
    "chat call": ("chat", Script(call='f {"a": 1}', deltas=2)),
}
RECORDED = {
    name: (kind, frames_of(kind, script, answer_text(script, "Hi")))
    for name, (kind, script) in SCRIPTS.items()
}
LAST = re.compile(rb'"type":"response\.(completed|incomplete)"|"finish_reason":"\w')
"""In the frame that ends an answer; a usage and `[DONE]` may follow it."""
CHANGING = re.compile(rb'[0-9a-f]{32}|[0-9a-f-]{36}|_at":\d+')

KNOWN = models_by_type(ResponseStreamEvent)
PARTS = {"output_text", "refusal", "reasoning_text", "summary_text"}

examples = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

TellBytes = Callable[..., str]


class Judge:
    """Many streams come to the same: each is looked at once, however many there are."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._seen: dict[bytes, str] = {}

    def close(self) -> None:
        self._loop.close()

    def tell(self, kind: Kind, *pieces: bytes, breaks_off: bool = False) -> str:
        """How the response ended: its status, or `error` where it did not begin."""
        return self._seen[self.looks(kind, *pieces, breaks_off=breaks_off)]

    def looks(self, kind: Kind, *pieces: bytes, breaks_off: bool = False) -> bytes:
        """What the client got, but for what is different each time."""
        told = self._loop.run_until_complete(tell(kind, pieces, breaks_off=breaks_off))
        looks = CHANGING.sub(b"", told.raw)
        if looks not in self._seen:
            self._seen[looks] = _judge(told)
        return looks


def _judge(told: Told) -> str:
    assert told.error is None or isinstance(told.error, EngineError)
    if not told.raw:
        assert told.error
        return "error"
    lifecycle = Lifecycle(agrees=False)
    for event in told.stream.events:
        lifecycle.take(event)
        if response := event.get("response"):
            response["service_tier"] = "default"  # there may be new ones
        if event["type"] in KNOWN and set(_types_of_parts(event)) <= PARTS:
            _check_type(event)
    assert lifecycle.ended
    return str(told.stream.response["status"])


def _types_of_parts(value: Any) -> Iterator[str]:
    """One of a type that nobody knows passes as it is."""
    if isinstance(value, dict):
        parts = [value.get("part"), *(value.get("content") or []), *(value.get("summary") or [])]
        yield from (part["type"] for part in parts if isinstance(part, dict))
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from _types_of_parts(inner)


def _check_type(event: Json) -> None:
    try:
        check_event(event)
    except ValidationError as error:
        raise AssertionError(event) from error


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.close()


@pytest.mark.parametrize("name", RECORDED)
def test_cut_at_every_byte(judge: Judge, name: str) -> None:
    cut_everywhere(judge, *RECORDED[name])


def cut_everywhere(judge: Judge, kind: Kind, frames: list[bytes]) -> None:
    """It ends or breaks off there, by turns. It is complete from where its last event is whole;
    a chat that breaks off, from its end."""
    stream = b"".join(frames)
    last = next(n for n, frame in enumerate(frames) if LAST.search(frame))
    whole = len(b"".join(frames[: last + 1]))
    for end in range(len(stream) + 1):
        breaks_off = end % 2 == 1
        ended = judge.tell(kind, *_frame_by_frame(stream[:end]), breaks_off=breaks_off)
        needed = len(stream) if kind == "chat" and breaks_off else whole
        assert (ended in ("completed", "incomplete")) == (end >= needed), (end, ended, stream[:end])


def _frame_by_frame(stream: bytes) -> list[bytes]:
    *frames, rest = stream.split(b"\n\n")
    return [*(frame + b"\n\n" for frame in frames), rest]


async def test_the_local_engine_s_bytes_cut_at_every_byte(local_server: LocalServer) -> None:
    request = ask("Say hi.", max_output_tokens=3, model="smollm2-135m-instruct")
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{local_server.url}/v1/chat/completions", json=chat_body(request)) as answer,
    ):
        stream = await answer.read()
    assert stream.endswith(DONE)
    frames = [block + b"\n\n" for block in stream.split(b"\n\n")[:-1]]
    await asyncio.to_thread(_cut_the_local_engine, frames)


def _cut_the_local_engine(frames: list[bytes]) -> None:
    judge = Judge()
    cut_everywhere(judge, "chat", frames)
    judge.close()


# Mangled


@st.composite
def mangled(draw: st.DrawFn) -> tuple[Kind, list[bytes]]:
    """A recorded stream with a few bytes changed, added or gone, in pieces of any size."""
    kind, frames = RECORDED[draw(st.sampled_from(sorted(RECORDED)))]
    stream = bytearray(b"".join(frames))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(stream) - 1, 0)))
        match draw(st.sampled_from(["change", "add", "remove", "repeat"])):
            case "change":
                stream[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "add":
                stream[at:at] = draw(st.binary(max_size=4) | st.sampled_from(SEPARATORS))
            case "remove":
                del stream[at : at + draw(st.integers(1, 200))]
            case _:
                stream[at:at] = stream[at : at + draw(st.integers(1, 400))]
    return kind, draw(pieces_of(bytes(stream)))


SEPARATORS = [b"\n", b"\r", b"\n\n", b"\r\n", b'"', b"{", b"}", b"\\", b"data: ", b"\xef\xbb\xbf"]


@st.composite
def pieces_of(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    if draw(st.booleans()):
        return _frame_by_frame(stream)
    cuts = draw(st.lists(st.integers(0, len(stream)), max_size=5))
    return [stream[a:b] for a, b in pairwise([0, *sorted(cuts), len(stream)])]


@given(mangled(), st.booleans())
@examples
def test_mangled_bytes(judge: Judge, stream: tuple[Kind, list[bytes]], breaks_off: bool) -> None:
    """It is the same however it was cut, too, unless its end was said too early."""
    kind, pieces = stream
    whole = b"".join(pieces)
    in_pieces = judge.looks(kind, *pieces, breaks_off=breaks_off)
    at_once = judge.looks(kind, whole, breaks_off=breaks_off)
    assert in_pieces == at_once or b"[DONE]" in whole[: -len(DONE)]


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(
        ["message", "reasoning", "function_call", "a\nb", "\x00", "response.completed"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@st.composite
def misled(draw: st.DrawFn) -> tuple[Kind, list[bytes]]:
    """A recorded stream whose events are JSON, and say something else: wherever, whatever."""
    kind, frames = RECORDED[draw(st.sampled_from(sorted(RECORDED)))]
    events = [msgspec.json.decode(frame.partition(b"data: ")[2]) for frame in frames[:-1]]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(events) - 1))
        match draw(st.sampled_from(["say", "say", "say", "remove", "repeat", "move"])):
            case "say":
                _say_something_else(draw, events[at])
            case "remove" if len(events) > 1:
                del events[at]
            case "repeat":
                events.insert(at, events[at])
            case _:
                events.insert(draw(st.integers(0, len(events) - 1)), events.pop(at))
    return kind, [b"data: %b\n\n" % msgspec.json.encode(event) for event in events] + [DONE]


def _say_something_else(draw: st.DrawFn, place: Any) -> None:
    """Goes down into an object, and changes, adds or removes something there."""
    while (isinstance(place, dict) and place) or (isinstance(place, list) and place):
        key = draw(
            st.sampled_from(sorted(place))
            if isinstance(place, dict)
            else st.integers(0, len(place) - 1)
        )
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner) or draw(st.booleans()):
            if draw(st.booleans()):
                place[key] = draw(values)
            else:
                del place[key]
            return
        place = inner


@given(misled())
@examples
def test_events_that_say_something_else(judge: Judge, stream: tuple[Kind, list[bytes]]) -> None:
    kind, frames = stream
    assert judge.looks(kind, *frames) == judge.looks(kind, b"".join(frames))


def test_an_event_that_is_too_large(judge: Judge) -> None:
    kind, frames = RECORDED["text"]
    large = b'data: {"type": "x", "y": "%b"}\n\n' % (b"z" * EVENT_BYTES_MAX)
    for at in range(len(frames) - 1):
        ended = judge.tell(kind, b"".join([*frames[:at], large, *frames[at:]]))
        assert ended == ("error" if at == 0 else "failed")
