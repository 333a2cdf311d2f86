"""The model at work: loaded in a thread, then computing in another, one batch at a time."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from app.embeddings.batches import Limits, Place, TextBacklog, TextJob
from app.embeddings.loading import NotLoaded, until_loaded
from app.embeddings.model import TextModel, Tokens
from app.embeddings.types import Counted, Lane, Vectors

TOKENIZED_IN_PLACE_CHARS_MAX = 2000
"""As long as a change of threads takes; longer texts would hold up the other requests."""

log = structlog.get_logger()


class Worker:
    def __init__(self, name: str, load: Callable[[], TextModel], limits: Limits) -> None:
        self.name = name
        self.model: TextModel | None = None
        self.load_error = ""
        self.backlog = TextBacklog(limits)
        self._load_model = load
        self._added = asyncio.Event()

    async def run(self) -> None:
        model = await self._load()
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "embed") as thread:
            while True:
                batch = await self._next_batch()
                try:
                    vectors = await loop.run_in_executor(thread, _embed, model, batch)
                except Exception as error:
                    log.exception("a batch failed", texts=len(batch))
                    _drop(batch, error)
                else:
                    _fill(batch, vectors)

    async def embed(self, lane: Lane, texts: Sequence[str]) -> Counted:
        """Raises NotLoaded, Overloaded, or what the model raised."""
        if self.model is None:
            raise NotLoaded(self.load_error or "The embedder is loading its model.")
        with self.backlog.admitted(lane, len(texts)):
            tokens = await _tokenize(self.model, texts, lane)
            job = TextJob(lane, tokens, self.model.dimensions)
            self.backlog.add(job)
            self._added.set()
            try:
                vectors = await asyncio.wrap_future(job.done)
                return Counted(vectors, sum(len(text.ids) for text in tokens))
            finally:
                job.drop()

    async def _load(self) -> TextModel:
        load = partial(asyncio.to_thread, self._load_model)
        self.model = await until_loaded(self.name, load, self._say_why_not)
        return self.model

    def _say_why_not(self, why: str) -> None:
        self.load_error = why

    async def _next_batch(self) -> list[Place]:
        while not (batch := self.backlog.next_batch()):
            self._added.clear()
            await self._added.wait()
        return batch


async def _tokenize(model: TextModel, texts: Sequence[str], lane: Lane) -> list[Tokens]:
    if sum(map(len, texts)) <= TOKENIZED_IN_PLACE_CHARS_MAX:
        return model.tokenize(texts, lane)
    return await asyncio.to_thread(model.tokenize, texts, lane)


def _embed(model: TextModel, batch: Sequence[Place]) -> Vectors:
    return model.embed([job.tokens[row] for job, row in batch], batch[0].job.lane)


def _fill(batch: Sequence[Place], vectors: Vectors) -> None:
    for (job, row), vector in zip(batch, vectors, strict=True):
        job.fill(row, vector)


def _drop(batch: Sequence[Place], error: Exception) -> None:
    for job, _row in batch:
        job.drop(error)
