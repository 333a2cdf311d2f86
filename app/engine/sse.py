"""Server-sent events from byte chunks that are split anywhere."""

from itertools import takewhile

from app.errors import EngineBroken

DONE = b"[DONE]"
"""The data that ends a stream of chat chunks, and by Open Responses any stream."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventParser:
    """Fed with chunks, gives the data of every event that they complete.

    Own code, because the libraries work on decoded lines and make an object a line: ten times
    the cost on the hottest path. Names, ids and retry times are skipped: an event of the
    Responses API says its type in its data.
    """

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max = event_bytes_max
        self._buffer = bytearray()
        self._after_carriage_return = False
        self._at_start = True
        self._too_large = False

    def check(self) -> None:
        """Raises EngineBroken where an event was larger than allowed."""
        if self._too_large:
            raise EngineBroken(
                f"The engine sent an event larger than {self._event_bytes_max} bytes."
            )

    def feed(self, chunk: bytes) -> list[bytes]:
        """Up to an event that is larger than allowed, if there is one: see `check`."""
        if not chunk:
            return []
        if b"\r" in chunk or self._after_carriage_return:
            chunk = self._with_line_feeds(chunk)
        searched = max(0, len(self._buffer) - 1)
        self._buffer += chunk
        if self._buffer.find(b"\n\n", searched) < 0:
            self._too_large = len(self._buffer) > self._event_bytes_max
            return []
        *blocks, rest = bytes(self._buffer).split(b"\n\n")
        self._buffer = bytearray(rest)
        if self._at_start:
            self._at_start = False
            blocks[0] = blocks[0].removeprefix(_BYTE_ORDER_MARK)
        if max(len(rest), *map(len, blocks)) > self._event_bytes_max:
            self._too_large = True
            blocks = list(takewhile(lambda block: len(block) <= self._event_bytes_max, blocks))
        return [data for block in blocks if (data := _data(block)) is not None]

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        if self._after_carriage_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_carriage_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data(block: bytes) -> bytes | None:
    """The data lines of one event, joined; None where it has none."""
    if block.startswith(b"event: "):  # by far the most common form: two lines
        first, _, block_data = block.partition(b"\ndata: ")
        if b"\n" not in first and block_data and b"\n" not in block_data:
            return block_data
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    data = [
        line[5:].removeprefix(b" ")
        for line in block.split(b"\n")
        if line.startswith(b"data:") or line == b"data"
    ]
    return b"\n".join(data) if data else None
