"""LangGraph's Postgres store with a vector index, as its documentation sets it up."""

import protocol
import psycopg
from langgraph.store.base import PutOp
from langgraph.store.postgres import PostgresStore

BATCH = 100
INDEX = "store_vectors_embedding_idx"


class LangGraph:
    def __init__(self, place: protocol.Json) -> None:
        self._url = place["database"]
        embed = protocol.embedder(place)
        index = {"dims": place["dimensions"], "embed": embed, "fields": ["text"]}
        self._opened = PostgresStore.from_conn_string(self._url, index=index)
        self._store = self._opened.__enter__()
        self._store.setup()

    def add(self, user: str, memories: list[protocol.Json]) -> None:
        for start in range(0, len(memories), BATCH):
            self._store.batch(
                [
                    PutOp((user,), memory["id"], {"text": memory["text"]})
                    for memory in memories[start : start + BATCH]
                ]
            )

    def search(self, user: str, query: str, limit: int) -> list[str]:
        return [item.key for item in self._store.search((user,), query=query, limit=limit)]

    def without_index(self) -> None:
        with psycopg.connect(self._url) as conn:
            conn.execute(f"DROP INDEX {INDEX}")


if __name__ == "__main__":
    protocol.serve(LangGraph)
