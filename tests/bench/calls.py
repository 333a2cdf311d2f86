"""Calls to an engine: the same body for the engine alone, the pass-through and Backstory."""

import itertools
from collections.abc import Callable
from typing import Any

from tests.bench.client import Connection, request
from tests.bench.engine import MODEL
from tests.bench.measure import Timing, Way

DELTAS = 20
EVENTS_AT_ONCE = 10

_number = itertools.count()


def asker(
    url: str,
    key: str = "",
    *,
    deltas: int = DELTAS,
    chunk: int = EVENTS_AT_ONCE,
    every_seconds: float | None = None,
    **fields: Any,
) -> Callable[[], bytes]:
    """Makes requests whose questions are all different, so that none is answered from a cache."""

    def make() -> bytes:
        asked = body(f"Question {next(_number)}", deltas, chunk, every_seconds)
        return request(url, {**asked, **fields}, key=key)

    return make


def body(
    question: str,
    deltas: int = DELTAS,
    chunk: int = EVENTS_AT_ONCE,
    every_seconds: float | None = None,
) -> dict[str, Any]:
    script = f"[[deltas:{deltas}]] [[chunk:{chunk}]]"
    if every_seconds is not None:
        script += f" [[every:{every_seconds:f}]]"
    return {"model": MODEL, "input": f"{question}: what was it? {script}"}


def asking(connection: Connection, make: Callable[[], bytes]) -> Way:
    async def way() -> Timing:
        return (await connection.send(make())).timing

    return way
