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


def asker(url: str, key: str = "", **fields: Any) -> Callable[[], bytes]:
    """Makes requests whose questions are all different, so that none is answered from a cache."""

    def make() -> bytes:
        return request(url, {**body(f"Question {next(_number)}"), **fields}, key=key)

    return make


def body(question: str) -> dict[str, Any]:
    script = f"[[deltas:{DELTAS}]] [[chunk:{EVENTS_AT_ONCE}]]"
    return {"model": MODEL, "input": f"{question}: what was it? {script}"}


def asking(connection: Connection, make: Callable[[], bytes]) -> Way:
    async def way() -> Timing:
        return (await connection.send(make())).timing

    return way
