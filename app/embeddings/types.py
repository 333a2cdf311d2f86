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
    model: str
    dimensions: int

    async def embed(self, texts: Sequence[str], lane: Lane) -> Vectors:
        """Raises Unavailable while the embedder is not loaded, overloaded or gone, and
        EmbeddingFailed where it is there, but cannot embed one of these texts."""
        ...

    async def embed_counted(self, texts: Sequence[str], lane: Lane) -> Counted:
        """The same, with how many tokens were read."""
        ...
