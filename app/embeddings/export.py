"""Export a model to ONNX, once: `python -m app.embeddings.export --model NAME --into FOLDER`.

Run as a process of its own by `app.embeddings.model`. Uses torch's TorchScript exporter: the
newer one wants a package (onnxscript) that we do not otherwise need. What it wrote is compared
with sentence-transformers before it counts, so a graph traced wrong is never served.
"""

import argparse
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from app.embeddings.onnx_model import FORMAT, ExportFacts, OnnxModel, fingerprint
from app.embeddings.torch_model import load_sentence_transformer, tokens_max
from app.embeddings.types import Lane
from app.processes import die_with_parent

OPSET = 17
COSINE_MIN = 0.9999
SAMPLES = ["", "Where did Ada park?", "Grüße aus Łódź 🎈", "a much longer text " * 400]
POOLINGS = ("mean", "cls")


class NotExportableError(Exception):
    """The model does something that the export does not know."""


def export_model(name: str, folder: Path, threads: int) -> None:
    """Writes the folder whole or not at all."""
    model = load_sentence_transformer(name)
    facts = _facts(model, name)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write_graph(model[0].auto_model, partial / "model.onnx")
    model.tokenizer.backend_tokenizer.save(str(partial / "tokenizer.json"))
    (partial / "facts.json").write_bytes(msgspec.json.encode(facts))
    _verify(model, OnnxModel(partial, threads))
    _publish(partial, folder)


def _facts(model: SentenceTransformer, name: str) -> ExportFacts:
    kinds = [type(module).__name__ for module in model]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise NotExportableError(f"its modules are {', '.join(kinds)}")
    pooling: Any = model[1]
    if pooling.pooling_mode not in POOLINGS:
        raise NotExportableError(f"it pools by {pooling.pooling_mode}")
    prompts: dict[Lane, str] = {"query": _prompt(model, "query")}
    prompts["document"] = _prompt(model, "document", "passage", "corpus")
    if any(prompts.values()) and not pooling.include_prompt:
        raise NotExportableError("it leaves its prompts out of the pooling")
    return ExportFacts(
        format=FORMAT,
        model=name,
        source=fingerprint(name),
        dimensions=int(model.get_embedding_dimension() or 0),
        tokens_max=tokens_max(model),
        pad_id=model.tokenizer.pad_token_id or 0,
        pooling=pooling.pooling_mode,
        prompts=prompts,
    )


def _prompt(model: SentenceTransformer, *names: str) -> str:
    """As encode_query and encode_document choose it."""
    known = [name for name in names if name in model.prompts]
    chosen = known[0] if known else model.default_prompt_name
    return (model.prompts[chosen] or "") if chosen else ""


class _TokenEmbeddings(torch.nn.Module):
    """The transformer with the two inputs and the one output that the graph shall have."""

    def __init__(self, transformer: Any) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        output = self.transformer(input_ids=input_ids, attention_mask=attention_mask)
        return output.last_hidden_state  # type: ignore[no-any-return]  # transformers is untyped


def _write_graph(transformer: Any, path: Path) -> None:
    ids = torch.arange(100, 132).reshape(2, 16)
    mask = torch.ones_like(ids)
    mask[1, 10:] = 0
    size = {0: "texts", 1: "tokens"}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is deprecated, and says so at length
        torch.onnx.export(
            # eval() again on the outside: the exporter puts a module back into its own mode
            _TokenEmbeddings(transformer).eval(),
            (ids, mask),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["token_embeddings"],
            dynamic_axes={"input_ids": size, "attention_mask": size, "token_embeddings": size},
        )


def _verify(model: SentenceTransformer, exported: OnnxModel) -> None:
    lanes: list[tuple[Lane, Any]] = [
        ("query", model.encode_query),
        ("document", model.encode_document),
    ]
    for lane, encode in lanes:
        wanted = encode(SAMPLES, normalize_embeddings=True, show_progress_bar=False)
        found = exported.embed(exported.tokenize(SAMPLES, lane), lane)
        cosine = float(np.min(np.sum(wanted * found, axis=1)))
        if not cosine >= COSINE_MIN:
            raise NotExportableError(f"its export differs from it: cosine {cosine:.5f} ({lane})")


def _publish(partial: Path, folder: Path) -> None:
    """Flushed first: after a power cut there is either the whole export or none."""
    for path in (*partial.iterdir(), partial):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def main() -> None:
    die_with_parent()
    parser = argparse.ArgumentParser(prog="app.embeddings.export")
    parser.add_argument("--model", required=True)
    parser.add_argument("--into", required=True, type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        export_model(options.model, options.into, options.threads)
    except NotExportableError as error:
        sys.exit(f"{options.model} cannot be exported: {error}.")


if __name__ == "__main__":
    main()
