"""Embedders for tests: one without meaning for the port, one without speed for the server, and a
cross-encoder without either."""

import hashlib
import re
import threading
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.embeddings.model import Tokens
from app.embeddings.types import Counted, Embedder, Lane, Vectors


class HashEmbedder:
    """Texts that share words are near each other; the same text is always the same vector."""

    def __init__(self, model: str = "hash", dimensions: int = 384) -> None:
        self.model = model
        self.dimensions = dimensions
        self.embedded: list[tuple[Lane, list[str]]] = []

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        self.embedded.append((lane, list(texts)))
        vectors = [self._vector(text) for text in texts]
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dimensions)

    async def embed_counted(self, texts: Sequence[str], lane: Lane) -> Counted:
        """A word is a token."""
        vectors = await self.embed(texts, lane)
        return Counted(vectors, sum(len(text.split()) for text in texts))

    def _vector(self, text: str) -> NDArray[np.float64]:
        words = ["", *re.findall(r"\w+", text.lower())]
        total: NDArray[np.float64] = np.sum([self._direction(word) for word in words], axis=0)
        return total / np.linalg.norm(total)

    def _direction(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        return np.random.default_rng(seed).standard_normal(self.dimensions)


class OneModel(msgspec.Struct):
    """The model in use, and no other beside it."""

    embedder: Embedder
    absent: list[str] = []

    def all(self) -> list[Embedder]:
        return [self.embedder]


class GatedModel:
    """A TextModel that computes a batch only when `let_through` allows it; a word is a token."""

    runtime: Literal["onnx", "torch"] = "onnx"
    dimensions = 2
    tokens_max = 100

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self._gate = threading.Semaphore(0)

    def let_through(self, batches: int = 1) -> None:
        self._gate.release(batches)

    def tokenize(self, texts: Sequence[str], lane: Lane) -> list[Tokens]:
        return [Tokens(text, [1] * len(text.split())) for text in texts]

    def embed(self, batch: Sequence[Tokens], lane: Lane) -> Vectors:
        texts = [tokens.text for tokens in batch]
        self.batches.append(texts)
        self._gate.acquire(timeout=10)
        if "broken" in texts:
            raise RuntimeError("this batch cannot be computed")
        return np.asarray([[len(tokens.ids), 0] for tokens in batch], dtype=np.float32)


class GatedPairs:
    """A PairModel that scores a batch by length, when `let_through` allows it."""

    runtime = "torch"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.computing = threading.Semaphore(0)
        self._gate = threading.Semaphore(0)

    def let_through(self, batches: int = 1) -> None:
        self._gate.release(batches)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        self.batches.append(list(texts))
        self.computing.release()
        self._gate.acquire(timeout=10)
        return [float("nan") if "broken" in texts else float(len(text)) for text in texts]
