"""Waiting until all that is remembered has its vectors."""

import asyncio
import sys

import aiohttp
import msgspec
from tqdm import tqdm

from app.cli.remote import Target, again_if_away, check, connected

POLL_SECONDS = 1.0
TOPIC = "embed_memories"


class Queue(msgspec.Struct):
    topic: str
    waiting: int


class Queues(msgspec.Struct):
    queues: list[Queue]


async def wait_for_vectors(target: Target) -> None:
    """Words find what was remembered already; shows the queue of those whose vectors follow."""
    async with connected(target) as http:
        most = left = await _waiting(http, target)
        with tqdm(total=most, unit="job", desc="vectors", disable=None, file=sys.stderr) as bar:
            while left:
                await asyncio.sleep(POLL_SECONDS)
                left = await _waiting(http, target)
                bar.total = most = max(most, left)
                bar.update(most - left - bar.n)


@again_if_away
async def _waiting(http: aiohttp.ClientSession, target: Target) -> int:
    async with http.get(f"{target.base_url}/jobs") as answer:
        await check(answer)
        found = msgspec.json.decode(await answer.read(), type=Queues)
    return sum(queue.waiting for queue in found.queues if queue.topic == TOPIC)
