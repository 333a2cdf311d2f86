"""The cross-encoder at work in the embedder process, in a thread of its own.

So a query's embedding waits for no reranking. What nobody waits for any more is not computed on:
between two batches it is looked whether somebody does.
"""

import asyncio
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog

from app.embeddings.batches import Overloaded
from app.embeddings.loading import NotLoaded, until_loaded

WAITING_MAX = 16
"""Requests; more would be too late anyway."""

BATCH_CHARS_MAX = 4_000
"""Of the pairs with their padding: about 1,000 tokens, a tenth of a second for a small model."""

log = structlog.get_logger()


class PairModel(Protocol):
    """Blocks, and may be called from any one thread."""

    runtime: str

    def score(self, query: str, texts: Sequence[str]) -> list[float]: ...


class Ranker:
    def __init__(self, name: str, load: Callable[[], PairModel]) -> None:
        self.name = name
        self._load_model = load
        self._load_error = ""
        self._model: PairModel | None = None
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, "rerank")

    async def run(self) -> None:
        self._model = await until_loaded(self.name, self._load, self._say_why_not)

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """Raises NotLoaded, Overloaded, or what the model raised."""
        if self._model is None:
            raise NotLoaded(self._load_error or "The embedder is loading its reranking model.")
        if self._waiting >= WAITING_MAX:
            raise Overloaded(f"The embedder is overloaded: {self._waiting} rerankings wait.")
        loop, given_up = asyncio.get_running_loop(), threading.Event()
        self._waiting += 1
        try:
            return await loop.run_in_executor(
                self._thread, _score, self._model, query, texts, given_up
            )
        except Exception:
            log.exception("reranking failed", texts=len(texts))
            raise
        finally:
            self._waiting -= 1
            given_up.set()

    async def _load(self) -> PairModel:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._load_model)

    def _say_why_not(self, why: str) -> None:
        self._load_error = why


def _score(
    model: PairModel, query: str, texts: Sequence[str], given_up: threading.Event
) -> list[float]:
    scores = [math.nan] * len(texts)
    for batch in _batches(query, texts):
        if given_up.is_set():
            return scores
        found = model.score(query, [texts[row] for row in batch])
        for row, score in zip(batch, found, strict=True):
            scores[row] = score
    if not all(map(math.isfinite, scores)):
        raise ValueError("not every text has a score that is a number")
    return scores


def _batches(query: str, texts: Sequence[str]) -> Iterator[list[int]]:
    """Rows, the longest texts first, so that a batch has little padding; each with the query."""
    batch: list[int] = []
    for row in sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True):
        if batch and (len(batch) + 1) * (len(query) + len(texts[batch[0]])) > BATCH_CHARS_MAX:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
