"""Short ways to ask an engine and to read its answer."""

from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

from app.engine.types import Engine, EngineRequest, Event, Item


def user(text: str) -> Item:
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


def ask(text: str, model: str = "@oi/beta", **parameters: Any) -> EngineRequest:
    """A request that is short and deterministic unless parameters say otherwise."""
    defaults = {"temperature": 0, "max_output_tokens": 12}
    return EngineRequest(model=model, input=[user(text)], parameters=defaults | parameters)


async def answer(engine: Engine, request: EngineRequest) -> list[Event]:
    async with aclosing(engine.stream(request)) as batches:
        return [event async for batch in batches for event in batch]


def types(events: Iterable[Event]) -> list[str]:
    return [event["type"] for event in events]


def output_text(events: list[Event]) -> str:
    return "".join(
        part.get("text", "")
        for item in events[-1]["response"]["output"]
        if item["type"] == "message"
        for part in item["content"]
    )
