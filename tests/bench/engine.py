"""The engine of the benches: says what the test engine says, but from memory.

The test engine makes each event anew, which takes it longer than Backstory needs to add what it
adds. Here an answer is made once and sent again, so that the gateway is what is measured.

    python -m tests.bench.engine --port 9000

`[[deltas:20]]` in a request cuts the answer in so many deltas, `[[chunk:10]]` writes so many
events at once, `[[every:0.5]]` waits so many seconds between two writes.
"""

import argparse
import asyncio
import functools
import re

import msgspec
import uvloop

from app.processes import die_with_parent
from tests.support.engine_events import response_events
from tests.support.engine_script import Script

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ASKED = re.compile(rb"\[\[deltas:(\d+)\]\] \[\[chunk:(\d+)\]\](?: \[\[every:([\d.]+)\]\])?")
MODEL = "test-model"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class EngineProtocol(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        found = LENGTH.search(self._received, 0, end) if end >= 0 else None
        if end < 0 or len(self._received) < end + 4 + int(found[1] if found else 0):
            return
        asked = ASKED.search(self._received)
        self._received = b""
        deltas, chunk = (int(asked[1]), int(asked[2])) if asked else (20, 10)
        pieces = answer(deltas, chunk)
        if asked and asked[3]:
            self._write_slowly(pieces, 0, float(asked[3]))
            return
        assert self._transport is not None
        for piece in pieces:
            self._transport.write(piece)

    def _write_slowly(self, pieces: tuple[bytes, ...], at: int, every_seconds: float) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        self._transport.write(pieces[at])
        if at + 1 < len(pieces):
            again = functools.partial(self._write_slowly, pieces, at + 1, every_seconds)
            asyncio.get_running_loop().call_later(every_seconds, again)


@functools.cache
def answer(deltas: int, chunk: int) -> tuple[bytes, ...]:
    """The pieces that are written one after another."""
    script = Script(words=deltas, deltas=deltas)
    text = " ".join(f"word{n % 10}" for n in range(deltas))
    frames = [_frame(event) for event in response_events({"model": MODEL}, script, text)]
    frames.append(b"data: [DONE]\n\n")
    pieces = [b"".join(frames[at : at + chunk]) for at in range(0, len(frames), chunk)]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return (HEAD + chunks[0], *chunks[1:-1], chunks[-1] + LAST_CHUNK)


def _frame(event: dict[str, object]) -> bytes:
    name = str(event["type"]).encode()
    return b"event: %b\ndata: %b\n\n" % (name, msgspec.json.encode(event))


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(EngineProtocol, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    die_with_parent()
    parser = argparse.ArgumentParser(description="Run the engine of the benches.")
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
