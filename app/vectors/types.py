"""OpenAI's embeddings: what is asked."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class EmbeddingFields(msgspec.Struct, kw_only=True):
    model: Annotated[str, Meta(min_length=1, max_length=512)]
    input: str | list[Any]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: str | None = None
