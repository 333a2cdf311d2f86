"""The port to what turns text into vectors."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Shape (texts, dimensions); every row of length 1, so that a dot product is the cosine."""

Lane = Literal["query", "document"]
"""A query is answered before documents that wait; documents are embedded in batches."""


class Counted(NamedTuple):
    vectors: Vectors
    tokens: int
    """What the model read of the texts: not what lies behind its window."""


@runtime_checkable  # Litestar checks what it hands to a route
class Embedder(Protocol):
    @property
    def model(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        """Raises Unavailable while the embedder is not loaded, overloaded or gone, and
        EmbeddingFailed where it is there, but cannot embed one of these texts."""
        ...

    async def embed_counted(self, texts: Sequence[str], lane: Lane) -> Counted:
        """The same, with how many tokens were read."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Reads a query together with each text, which tells more than their vectors do."""

    @property
    def texts_max(self) -> int:
        """0 where there is none."""
        ...

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """Of each text; more is better. Raises TimeoutError where its time is over, Unavailable
        and EmbeddingFailed as an Embedder does."""
        ...


class EmbeddingModels(Protocol):
    """Those whose vectors are wanted: the one in use, and one that is filled in beside it."""

    @property
    def absent(self) -> Sequence[str]:
        """Wanted by others, and not to be had here."""
        ...

    def all(self) -> list[Embedder]:
        """To be had here; the first is in use."""
        ...
