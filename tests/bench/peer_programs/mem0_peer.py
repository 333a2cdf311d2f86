"""mem0 on pgvector, as its documentation sets it up, without a language model (`infer=False`)."""

from typing import Any

import protocol
from mem0 import Memory

COLLECTION = "memories"
NOTHING = 0.0
"""No floor for scores: what is ranked low is still ranked."""


class Mem0:
    def __init__(self, place: protocol.Json) -> None:
        self._url = place["database"]
        self._memory = Memory.from_config(
            {
                "vector_store": {
                    "provider": "pgvector",
                    "config": {
                        "connection_string": self._url,
                        "collection_name": COLLECTION,
                        "embedding_model_dims": place["dimensions"],
                    },
                },
                "embedder": {
                    "provider": "openai",
                    "config": {
                        "model": place["model"],
                        "api_key": place["key"],
                        "openai_base_url": place["url"],
                    },
                },
                "llm": {
                    "provider": "openai",
                    "config": {"api_key": "none", "openai_base_url": place["url"]},
                },
                "history_db_path": f"{place['folder']}/history.db",
            }
        )

    def add(self, user: str, memories: list[protocol.Json]) -> None:
        for memory in memories:
            self._memory.add(
                [{"role": "user", "content": memory["text"]}],
                user_id=user,
                metadata={"turn": memory["id"]},
                infer=False,
            )

    def search(self, user: str, query: str, limit: int) -> list[str]:
        found: Any = self._memory.search(
            query, top_k=limit, filters={"user_id": user}, threshold=NOTHING
        )
        return [one["metadata"]["turn"] for one in found["results"]]

    def without_index(self) -> None:
        import psycopg

        with psycopg.connect(self._url) as conn:
            conn.execute(f"DROP INDEX {COLLECTION}_hnsw_idx")


if __name__ == "__main__":
    protocol.serve(Mem0)
