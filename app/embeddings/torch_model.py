"""A text model on torch through sentence-transformers: for what cannot be exported."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from app.embeddings.model import Tokens, local_folder
from app.embeddings.types import Lane, Vectors

TOKENS_MAX_WITHOUT_A_LIMIT = 8192
"""Some tokenizers say 10^30 where nobody set a limit."""


def load_sentence_transformer(name: str) -> SentenceTransformer:
    """On the CPU in fp32; eager attention is what ONNX Runtime fuses best."""
    return SentenceTransformer(
        str(local_folder(name) or name),
        device="cpu",
        model_kwargs={"attn_implementation": "eager", "dtype": "float32"},
    ).eval()


def tokens_max(model: SentenceTransformer) -> int:
    return min(model.max_seq_length or TOKENS_MAX_WITHOUT_A_LIMIT, TOKENS_MAX_WITHOUT_A_LIMIT)


class TorchModel:
    runtime: Literal["onnx", "torch"] = "torch"

    def __init__(self, name: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self._model = load_sentence_transformer(name)
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        self.tokens_max = tokens_max(self._model)
        self._model.max_seq_length = self.tokens_max

    def tokenize(self, texts: Sequence[str], lane: Lane) -> list[Tokens]:
        """Only to know the lengths: sentence-transformers wants the texts themselves."""
        found = self._model.tokenizer(list(texts), truncation=True, max_length=self.tokens_max)
        return [Tokens(*pair) for pair in zip(texts, found["input_ids"], strict=True)]

    def embed(self, batch: Sequence[Tokens], lane: Lane) -> Vectors:
        encode = self._model.encode_query if lane == "query" else self._model.encode_document
        texts = [tokens.text for tokens in batch]
        vectors = encode(
            texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)
