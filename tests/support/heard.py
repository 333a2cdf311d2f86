"""What the test engine heard: tests share it, so each says something of its own."""

from typing import Any
from uuid import uuid4

import msgspec

from tests.support.engine import FakeEngine, Received


def something(text: str = "something") -> str:
    """A message that nobody else says."""
    return f"{text} {uuid4().hex}"


def heard(engine: FakeEngine, text: str) -> list[Received]:
    """The calls that had this text in their body, in the order in which they came."""
    needle = msgspec.json.encode(text)[1:-1]
    return [call for call in engine.received if needle in msgspec.json.encode(call.body)]


def heard_once(engine: FakeEngine, text: str) -> dict[str, Any]:
    """The body of the one call that had this text."""
    calls = heard(engine, text)
    assert len(calls) == 1, f"{len(calls)} calls"
    return calls[0].body


def texts(items: list[dict[str, Any]]) -> list[str]:
    """What the messages among items say, with who says it."""
    return [
        f"{item['role']}: {''.join(part.get('text', '') for part in item['content'])}"
        for item in items
        if item["type"] == "message"
    ]
