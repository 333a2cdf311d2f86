"""Many clients at once, each noting what it was told until its stream ended, however it did."""

import asyncio
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec

from tests.support.api import Api, Json

WORDS_MIN, WORDS_STEP = 20, 1


class Watched(msgspec.Struct):
    """One stream, as its client saw it."""

    token: str
    words: int
    request_id: str = ""
    response_id: str = ""
    text: str = ""
    last: Json | None = None
    """The response in the event that ended it."""
    status: int = 0

    @property
    def completed(self) -> bool:
        return self.last is not None and self.last["status"] == "completed"


class Crowd:
    """Streams of different lengths, so that there is no moment without one that just ends."""

    def __init__(self, api: Api, size: int, delay: float) -> None:
        self.watched = [
            Watched(uuid4().hex, WORDS_MIN + WORDS_STEP * number) for number in range(size)
        ]
        self._tasks = [asyncio.create_task(_watch(api, each, delay)) for each in self.watched]

    @property
    def completed(self) -> list[Watched]:
        return [each for each in self.watched if each.completed]

    @property
    def begun(self) -> list[Watched]:
        return [each for each in self.watched if each.response_id]

    async def ended(self) -> None:
        await asyncio.gather(*self._tasks)


async def _watch(api: Api, watched: Watched, delay: float) -> None:
    said = f"Remember {watched.token} [[words:{watched.words}]] [[delay:{delay}]]"
    try:
        async with api.streaming(said) as answer:
            watched.status = answer.status
            watched.request_id = answer.headers.get("x-request-id", "")
            while frame := await answer.content.readuntil(b"\n\n"):
                _note(watched, frame)
    except (aiohttp.ClientError, ConnectionError):
        return  # the server is gone: what was told is noted


def _note(watched: Watched, frame: bytes) -> None:
    data = frame.partition(b"data: ")[2]
    if not frame.endswith(b"\n\n") or data == b"[DONE]\n\n":
        return
    event: dict[str, Any] = msgspec.json.decode(data)
    if event["type"] == "response.output_text.delta":
        watched.text += event["delta"]
    elif event["type"] in ("response.completed", "response.failed", "response.incomplete"):
        watched.last = event["response"]
    elif event["type"] == "response.created":
        watched.response_id = event["response"]["id"]
