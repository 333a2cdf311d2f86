"""Server-sent events from byte chunks that are split anywhere."""

from app.errors import EngineBroken

DONE = b"[DONE]"
"""The data that ends a stream of chat chunks, and by Open Responses any stream."""

FEW_EVENTS = 16
TAIL_BYTES = 256

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class WholeEvents:
    """Fed with chunks, gives the bytes of the events that they complete: see `data_of_events`.

    Own code, because the libraries work on decoded lines and make an object a line: ten times
    the cost on the hottest path. Every line ends with a line feed here.
    """

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max = event_bytes_max
        self._rest = bytearray()
        self._after_carriage_return = False
        self._at_start = True
        self._too_large = False

    def check(self) -> None:
        """Raises EngineBroken where an event was larger than allowed."""
        if self._too_large:
            raise EngineBroken(
                f"The engine sent an event larger than {self._event_bytes_max} bytes."
            )

    def feed(self, chunk: bytes) -> bytes:
        """Up to an event that is larger than allowed, if there is one: see `check`."""
        if not chunk:
            return b""
        if b"\r" in chunk or self._after_carriage_return:
            chunk = self._with_line_feeds(chunk)
        whole = self._complete(chunk) if self._rest else self._begin(chunk)
        self._too_large = len(self._rest) > self._event_bytes_max
        if self._at_start and whole:
            self._at_start = False
            whole = whole.removeprefix(_BYTE_ORDER_MARK)
        return whole if len(whole) <= self._event_bytes_max else self._up_to_too_large(whole)

    def _begin(self, chunk: bytes) -> bytes:
        end = _end_of_events(chunk)
        self._rest += chunk[end:]
        return chunk[:end]

    def _complete(self, chunk: bytes) -> bytes:
        searched = len(self._rest) - 1
        self._rest += chunk
        end = _end_of_events(self._rest, searched)
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        return whole

    def _up_to_too_large(self, whole: bytes) -> bytes:
        end = 0
        for block in whole.split(b"\n\n"):
            if len(block) > self._event_bytes_max:
                self._too_large = True
                return whole[:end]
            end += len(block) + 2
        return whole

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        if self._after_carriage_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_carriage_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _end_of_events(received: bytes | bytearray, searched: int = 0) -> int:
    """0 where none has ended."""
    last = received.rfind(b"\n\n", searched)
    return last + 2 if last >= 0 else 0


def data_of_events(whole: bytes) -> list[bytes]:
    """The data of each event, but for the one that ends a stream.

    Names, ids and retry times are skipped: an event of the Responses API says its type in its data.
    """
    data = _all_data(whole)
    return data[:-1] if data[-1:] == [DONE] else data


def few_at_a_time(whole: bytes) -> list[bytes]:
    events = whole.split(b"\n\n")[:-1]
    if len(events) <= FEW_EVENTS:
        return [whole]
    return [
        b"\n\n".join([*events[at : at + FEW_EVENTS], b""])
        for at in range(0, len(events), FEW_EVENTS)
    ]


def ends_stream(whole: bytes) -> bool:
    return DONE in whole[-TAIL_BYTES:] and _all_data(whole)[-1:] == [DONE]


def _all_data(whole: bytes) -> list[bytes]:
    return [data for block in whole.split(b"\n\n") if (data := _data(block)) is not None]


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
