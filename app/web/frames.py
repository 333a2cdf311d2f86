"""Server-sent events as bytes. Litestar's own events cost ten times as much."""

DONE = b"data: [DONE]\n\n"
HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}


def frame(event_type: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event_type.encode(), data)


def data_of(frame_bytes: bytes) -> bytes:
    """The JSON in a frame that `frame` made."""
    return frame_bytes[frame_bytes.index(b"\ndata: ") + 7 : -2]
