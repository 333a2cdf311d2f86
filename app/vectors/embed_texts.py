"""Embedding an application's texts with the embedder that memories are found by."""

from base64 import b64encode
from typing import Any

from numpy.typing import NDArray

from app.config import Config
from app.embeddings.types import Counted, Embedder
from app.errors import InvalidRequest, NotFound
from app.vectors.types import EmbeddingFields

ALIAS = "default"
LIBRARY = "sentence-transformers/"
"""The hub's owner of the default model, which its name may leave out."""


async def embed_texts(
    embedder: Embedder, config: Config, asked: EmbeddingFields
) -> tuple[dict[str, Any], int]:
    """OpenAI's list of embeddings, and how many tokens were read. A text that is longer than the
    model's window is cut there. Raises NotFound, InvalidRequest, Unavailable, EmbeddingFailed."""
    _check_model(asked.model, embedder.model)
    texts = _texts(asked.input, config)
    if embedder.dimensions:
        _check_dimensions(asked, embedder.dimensions)
    found = await embedder.embed_counted(texts, "document")
    _check_dimensions(asked, found.vectors.shape[1])
    return _shown(found, asked.encoding_format, embedder.model), found.tokens


def _check_model(asked: str, there: str) -> None:
    if asked != ALIAS and asked.removeprefix(LIBRARY) != there.removeprefix(LIBRARY):
        raise NotFound(
            f"The model '{asked}' does not exist: texts are embedded by '{there}'.",
            param="model",
            code="model_not_found",
        )


def _check_dimensions(asked: EmbeddingFields, there: int) -> None:
    if asked.dimensions not in (None, there):
        raise InvalidRequest(
            f"This model's embeddings have {there} dimensions, and no others.",
            param="dimensions",
            code="unsupported_value",
        )


def _texts(given: str | list[Any], config: Config) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not 1 <= len(texts) <= config.embeddings_per_request_max:
        raise InvalidRequest(
            f"'input' must hold 1 to {config.embeddings_per_request_max} texts.",
            param="input",
            code="array_above_max_length" if texts else "empty_array",
        )
    for text in texts:
        _check_text(text)
    if sum(map(len, texts)) > config.embedding_chars_max:
        raise InvalidRequest(
            f"'input' may hold at most {config.embedding_chars_max} characters together.",
            param="input",
            code="string_above_max_length",
        )
    return texts


def _check_text(text: Any) -> None:
    if isinstance(text, (int, list)):
        raise InvalidRequest(
            "Token ids are another model's: send 'input' as text.",
            param="input",
            code="unsupported_value",
        )
    if not isinstance(text, str) or not text:
        raise InvalidRequest(
            "'input' must be a text that is not empty, or a list of them.",
            param="input",
            code="invalid_value",
        )


def _shown(found: Counted, encoding: str | None, model: str) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
        for index, vector in enumerate(found.vectors)
    ]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _encoded(vector: NDArray[Any], encoding: str | None) -> str | list[float]:
    """As base64: little-endian float32, one after another."""
    if encoding == "base64":
        return b64encode(vector.astype("<f4").tobytes()).decode()
    floats: list[float] = vector.tolist()
    return floats
