"""What the embedder process and its clients say to each other: msgpack behind a 4-byte length."""

import asyncio
from typing import Literal

import msgspec

from app.embeddings.types import Lane

TEXTS_MAX = 64
TEXT_CHARS_MAX = 2**16
"""A client cuts longer texts: what lies behind is far beyond any model's window."""

FRAME_BYTES_MAX = 2 * TEXTS_MAX * TEXT_CHARS_MAX * 4
"""Twice what a full frame of four-byte characters has."""

RERANK_TEXTS_MAX = 50
RERANK_CHARS_MAX = 2**12
"""Of a query and of each text: about what a cross-encoder of 512 tokens reads of them."""

FailureCode = Literal["not_loaded", "overloaded", "failed"]


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    id: int


class Embed(msgspec.Struct, frozen=True, tag="embed"):
    id: int
    lane: Lane
    texts: list[str]


class Rerank(msgspec.Struct, frozen=True, tag="rerank"):
    """How well does each text answer the query?"""

    id: int
    query: str
    texts: list[str]


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Nobody waits for the answer to this request any more."""

    id: int


class Status(msgspec.Struct, frozen=True, tag="status"):
    """`backlog` counts texts that wait; `error` says why the model could not be loaded."""

    id: int
    model: str
    loaded: bool
    backlog: int
    dimensions: int = 0
    tokens_max: int = 0
    runtime: str = ""
    error: str = ""


class Embedded(msgspec.Struct, frozen=True, tag="embedded"):
    """The vectors one after another, as little-endian float32."""

    id: int
    dimensions: int
    vectors: bytes
    tokens: int = 0


class Reranked(msgspec.Struct, frozen=True, tag="reranked"):
    """A score for each text, in their order; more is better."""

    id: int
    scores: list[float]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    id: int
    code: FailureCode
    message: str


Request = Hello | Embed | Rerank | Cancel
Reply = Status | Embedded | Reranked | Failed

_encoder = msgspec.msgpack.Encoder()
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode


def frame(message: Request | Reply) -> bytes:
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Raises EOFError where the stream ends, ValueError where a frame is above its limit."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {length} bytes")
    return await reader.readexactly(length)
