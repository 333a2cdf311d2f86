"""Remembering and recalling over REST, as an application does."""

from collections.abc import Iterable, Sequence
from typing import Any

from tests.bench.client import Connection, Reply, connect, request
from tests.bench.world import World

BATCH = 500

Json = dict[str, Any]


class Rest:
    """Made by `open_rest`."""

    def __init__(self, url: str, key: str, connection: Connection) -> None:
        self._connection = connection
        self._url = url
        self._key = key

    async def remember(self, memories: Sequence[Json], user: str) -> None:
        for batch in _batches(memories):
            await self._connection.send(self.remember_request(batch, user))

    async def recall(self, query: str, user: str, **fields: Any) -> Reply:
        return await self._connection.send(self.recall_request(query, user, **fields))

    def remember_request(self, memories: Sequence[Json], user: str) -> bytes:
        named = [{**memory, "user": user} for memory in memories]
        return request(f"{self._url}/memories", {"memories": named}, key=self._key)

    def recall_request(self, query: str, user: str, **fields: Any) -> bytes:
        body = {"query": query, "user": user, **fields}
        return request(f"{self._url}/recall", body, key=self._key)

    def close(self) -> None:
        self._connection.close()


async def open_rest(world: World, key: str | None = None) -> Rest:
    """With the key of the world's first project, unless another is said."""
    return Rest(world.url, key or world.key, await connect(world.url))


def _batches(memories: Sequence[Json]) -> Iterable[Sequence[Json]]:
    for start in range(0, len(memories), BATCH):
        yield memories[start : start + BATCH]
