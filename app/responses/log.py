"""A finished log as one compressed value.

Lifecycle events repeat the whole response: they are kept without it, and get it back when read.
Ids of items are those of the response that was made first; a reader puts its own in their place
(complete.py). One JSON text a line, zstd.
"""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec
import zstandard

from app.engine.types import Event
from app.responses.complete import LIFECYCLE
from app.web.frames import data_of, frame

LEVEL = 3
EVENTS_BYTES_MAX = 256 * 2**20
ASIDE_BYTES = 2**20

# Kept: making one costs as much as a small log. Used by the one thread of the loop only.
_compress = zstandard.ZstdCompressor(level=LEVEL).compress
_decompress = zstandard.ZstdDecompressor().decompress
_decode = msgspec.json.decode
_PREFIXES = tuple(b"event: %s\n" % type_.encode() for type_ in LIFECYCLE)


class _Lifecycle(msgspec.Struct):
    type: str
    sequence_number: int


_decode_lifecycle = msgspec.json.Decoder(_Lifecycle).decode


def pack(frames: Sequence[bytes]) -> bytes:
    return _compress(_lines(frames))


async def pack_aside(frames: Sequence[bytes]) -> bytes:
    """In a thread, where all others would wait too long for it."""
    if sum(map(len, frames)) < ASIDE_BYTES:
        return pack(frames)
    return await asyncio.to_thread(_pack_large, frames)


def _pack_large(frames: Sequence[bytes]) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL).compress(_lines(frames))


def unpack(packed: bytes) -> Iterator[Event]:
    lines = _decompress(packed, max_output_size=EVENTS_BYTES_MAX)
    for line in lines.split(b"\n"):
        yield _decode(line)


def without_output(packed: bytes, index: int) -> bytes:
    """The log as if the output item at this index had never been; the others move up."""
    kept = (event for event in unpack(packed) if event.get("output_index") != index)
    frames = []
    for number, event in enumerate(kept):
        event["sequence_number"] = number
        if event.get("output_index", index) > index:
            event["output_index"] -= 1
        frames.append(frame(event["type"], msgspec.json.encode(event)))
    return pack(frames)


def _lines(frames: Sequence[bytes]) -> bytes:
    return b"\n".join(map(_line, frames))


def _line(frame: bytes) -> bytes:
    data = data_of(frame)
    if frame.startswith(_PREFIXES):
        return msgspec.json.encode(_decode_lifecycle(data))
    return data
