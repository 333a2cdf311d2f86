"""A text model on ONNX Runtime: tokenizers, onnxruntime and numpy, nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.embeddings.model import Tokens, local_folder
from app.embeddings.types import Lane, Vectors

FORMAT = 1
"""Counted up when the export changes, so that older ones are made again."""

TokenIds = NDArray[np.int64]


class ExportFacts(msgspec.Struct, frozen=True):
    """Beside the graph and the tokenizer: all else that sentence-transformers would know."""

    format: int
    model: str
    source: str
    dimensions: int
    tokens_max: int
    pad_id: int
    pooling: Literal["mean", "cls"]
    prompts: dict[Lane, str]


def is_current(folder: Path, name: str) -> bool:
    """Whether a usable export is there, made from the model as it is now."""
    try:
        facts = read_facts(folder)
    except (OSError, msgspec.DecodeError):
        return False
    return facts.format == FORMAT and facts.source == fingerprint(name)


def read_facts(folder: Path) -> ExportFacts:
    return msgspec.json.decode((folder / "facts.json").read_bytes(), type=ExportFacts)


def fingerprint(name: str) -> str:
    """Changes when a local model's files do; a hub's model is known by its name alone."""
    folder = local_folder(name)
    if folder is None:
        return name
    weights = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
    stats = [(path.name, path.stat()) for path in weights]
    return ",".join(f"{file}:{stat.st_size}:{stat.st_mtime_ns}" for file, stat in stats)


class OnnxModel:
    runtime: Literal["onnx", "torch"] = "onnx"

    def __init__(self, folder: Path, threads: int) -> None:
        self._facts = read_facts(folder)
        self.dimensions = self._facts.dimensions
        self.tokens_max = self._facts.tokens_max
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.tokens_max)
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), _options(threads), providers=["CPUExecutionProvider"]
        )

    def tokenize(self, texts: Sequence[str], lane: Lane) -> list[Tokens]:
        prompt = self._facts.prompts.get(lane, "")
        encodings = self._tokenizer.encode_batch([prompt + text for text in texts])
        return [Tokens(text, found.ids) for text, found in zip(texts, encodings, strict=True)]

    def embed(self, batch: Sequence[Tokens], lane: Lane) -> Vectors:
        ids, mask = self._pad(batch)
        feed = {"input_ids": ids, "attention_mask": mask}
        hidden: Vectors = self._session.run(["token_embeddings"], feed)[0]
        pooled = hidden[:, 0] if self._facts.pooling == "cls" else _mean(hidden, mask)
        return _normalize(pooled)

    def _pad(self, batch: Sequence[Tokens]) -> tuple[TokenIds, TokenIds]:
        width = max(len(tokens.ids) for tokens in batch)
        ids = np.full((len(batch), width), self._facts.pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens.ids)] = tokens.ids
            mask[row, : len(tokens.ids)] = 1
        return ids, mask


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning thread takes the core that Postgres or the engine needs: measured on two busy
    # cores, a query takes 8 ms with spinning and 3 ms without.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def _mean(hidden: Vectors, mask: TokenIds) -> Vectors:
    weights = mask.astype(np.float32)
    sums: Vectors = np.matmul(weights[:, None, :], hidden)[:, 0]
    counts: Vectors = np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-9))
    return sums / counts


def _normalize(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    nonzero: Vectors = np.maximum(lengths, np.float32(1e-12))
    return vectors / nonzero
