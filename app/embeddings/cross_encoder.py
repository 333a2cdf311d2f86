"""A reranking model on torch through sentence-transformers."""

from collections.abc import Sequence

import torch
from sentence_transformers import CrossEncoder

from app.embeddings.model import gives_scores

TOKENS_MAX = 512
"""Of a query and a text together; models that read more would take too long for a recall."""


class CrossEncoderModel:
    runtime = "torch"

    def __init__(self, name: str, threads: int) -> None:
        """Raises whatever sentence-transformers raises, or ValueError where it gives no score."""
        torch.set_num_threads(threads)
        self._model = CrossEncoder(name, device="cpu", model_kwargs={"dtype": "float32"}).eval()
        if not gives_scores(self._model.config.architectures):
            raise ValueError("it is no cross-encoder: its scores would be random")
        if self._model.num_labels != 1:
            raise ValueError(f"it gives {self._model.num_labels} numbers for a pair, not one score")
        self._model.max_seq_length = min(self._model.max_seq_length or TOKENS_MAX, TOKENS_MAX)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        pairs = [(query, text) for text in texts]
        scores = self._model.predict(pairs, batch_size=len(pairs), show_progress_bar=False)
        return [float(score) for score in scores]
