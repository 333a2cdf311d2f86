"""Which texts are embedded next: queries before documents, in batches of bounded work.

A query waits at most for the batch that is being computed, so a batch is bounded by its tokens,
padding counted, not only by its texts.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.embeddings.model import Tokens
from app.embeddings.types import Lane, Vectors


class Limits(Struct, frozen=True, kw_only=True):
    batch_texts_max: int = 32
    batch_tokens_max: int = 512
    """55 ms of MiniLM on two cores; larger batches are no faster a text."""

    queries_waiting_max: int = 256
    documents_waiting_max: int = 1024


class Overloaded(Exception):
    """The lane is full; the caller is to come again later."""


class TextJob:
    """The texts of one request, and their vectors as they come."""

    def __init__(self, lane: Lane, tokens: Sequence[Tokens], dimensions: int) -> None:
        self.lane = lane
        self.tokens = tokens
        self.done: Future[Vectors] = Future()
        self.waiting = deque(sorted(range(len(tokens)), key=self.length, reverse=True))
        self._vectors: Vectors = np.zeros((len(tokens), dimensions), dtype=np.float32)
        self._missing = len(tokens)

    def length(self, row: int) -> int:
        return max(1, len(self.tokens[row].ids))

    def fill(self, row: int, vector: NDArray[np.float32]) -> None:
        self._vectors[row] = vector
        self._missing -= 1
        if self._missing == 0 and not self.done.done():
            self.done.set_result(self._vectors)

    def drop(self, error: Exception | None = None) -> None:
        """Nobody waits for it any more, or it cannot be done: what waits is not embedded."""
        self.waiting.clear()
        if error and not self.done.done():
            self.done.set_exception(error)


class Place(NamedTuple):
    job: TextJob
    row: int


class TextBacklog:
    """The jobs that wait. Longest texts first within a job, so that a batch has little padding."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs: dict[Lane, deque[TextJob]] = {"query": deque(), "document": deque()}
        self._admitted: dict[Lane, int] = {"query": 0, "document": 0}

    @property
    def texts(self) -> int:
        return sum(self._admitted.values())

    @contextmanager
    def admitted(self, lane: Lane, texts: int) -> Iterator[None]:
        """Counts the texts of a request until it is answered. Raises Overloaded."""
        if self._admitted[lane] + texts > self._waiting_max(lane):
            raise Overloaded(f"The embedder is overloaded: {self._admitted[lane]} texts wait.")
        self._admitted[lane] += texts
        try:
            yield
        finally:
            self._admitted[lane] -= texts

    def add(self, job: TextJob) -> None:
        if job.waiting:
            self._jobs[job.lane].append(job)

    def next_batch(self) -> list[Place]:
        """Of one lane; empty when nothing waits."""
        return self._take(self._jobs["query"]) or self._take(self._jobs["document"])

    def _take(self, jobs: deque[TextJob]) -> list[Place]:
        batch: list[Place] = []
        width = 0
        while jobs:
            job = jobs[0]
            if not job.waiting:
                jobs.popleft()
                continue
            width = max(width, job.length(job.waiting[0]))
            if batch and not self._fits(len(batch) + 1, width):
                break
            batch.append(Place(job, job.waiting.popleft()))
        return batch

    def _fits(self, texts: int, width: int) -> bool:
        limits = self._limits
        return texts <= limits.batch_texts_max and texts * width <= limits.batch_tokens_max

    def _waiting_max(self, lane: Lane) -> int:
        limits = self._limits
        return limits.queries_waiting_max if lane == "query" else limits.documents_waiting_max
