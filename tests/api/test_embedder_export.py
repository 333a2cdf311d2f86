"""The ONNX export of any model that sentence-transformers knows, on tiny random ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.embeddings import model as models
from app.embeddings.model import DEFAULT_MODEL, export_folder, load_model
from app.embeddings.onnx_model import OnnxModel, is_current
from app.embeddings.types import Vectors
from tests.support.tiny_model import save_tiny_model

TEXTS = ["", "Where did Ada park?", "Grüße aus Łódź 🎈", "a much longer text " * 40]


@pytest.fixture
def tiny_model(tmp_path: Path, sentence_transformer: Any) -> Path:
    return save_tiny_model(tmp_path / "tiny", "cls")


def worst_cosine(wanted: Any, found: Vectors) -> float:
    return float(np.min(np.sum(np.asarray(wanted) * found, axis=1)))


def test_pooling_and_prompts_are_exported(tiny_model: Path, tmp_path: Path) -> None:
    from app.embeddings.export import export_model
    from app.embeddings.torch_model import load_sentence_transformer

    export_model(str(tiny_model), tmp_path / "export", threads=1)
    original = load_sentence_transformer(str(tiny_model))
    exported = OnnxModel(tmp_path / "export", threads=1)
    assert (exported.dimensions, exported.tokens_max) == (16, 32)
    query = original.encode_query(TEXTS, normalize_embeddings=True)
    assert worst_cosine(query, exported.embed(exported.tokenize(TEXTS, "query"), "query")) > 0.9999
    document = original.encode_document(TEXTS, normalize_embeddings=True)
    tokens = exported.tokenize(TEXTS, "document")
    assert worst_cosine(document, exported.embed(tokens, "document")) > 0.9999


def test_a_model_replaced_is_exported_again(tiny_model: Path, tmp_path: Path) -> None:
    from app.embeddings.export import export_model

    folder = tmp_path / "export"
    export_model(str(tiny_model), folder, threads=1)
    assert is_current(folder, str(tiny_model))
    save_tiny_model(tiny_model, "mean")
    assert not is_current(folder, str(tiny_model))
    export_model(str(tiny_model), folder, threads=1)
    assert is_current(folder, str(tiny_model))


def test_an_export_that_broke_off_is_made_again(tiny_model: Path, tmp_path: Path) -> None:
    from app.embeddings.export import export_model

    half, folder = tmp_path / "export.partial", tmp_path / "export"
    half.mkdir()
    (half / "model.onnx").write_bytes(b"half")
    assert not is_current(folder, str(tiny_model))
    export_model(str(tiny_model), folder, threads=1)
    assert is_current(folder, str(tiny_model))
    assert not half.exists()


def test_an_export_with_broken_facts_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text("{")
    assert not is_current(tmp_path, DEFAULT_MODEL)


def test_what_cannot_be_exported_is_served_by_torch(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.embeddings.export import NotExportableError, export_model

    save_tiny_model(tiny_model, "max")
    with pytest.raises(NotExportableError, match="pools by max"):
        export_model(str(tiny_model), tmp_path / "export", 1)
    monkeypatch.setattr(models, "_export", export_model)  # in this process, which has torch
    served = load_model(str(tiny_model), tmp_path, threads=1)
    assert (served.runtime, served.dimensions, served.tokens_max) == ("torch", 16, 32)
    tokens = served.tokenize(TEXTS, "query")
    assert max(len(one.ids) for one in tokens) == 32
    vectors = served.embed(tokens, "query")
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1] * len(TEXTS), abs=1e-5)


@pytest.mark.parametrize("name", ["BAAI/bge-small-en", "../../etc", "/models/mine", "a b", "."])
def test_an_export_stays_in_its_folder(name: str, tmp_path: Path) -> None:
    folder = export_folder(tmp_path, name)
    assert folder.parent == tmp_path / "models"
    assert folder.resolve().parent == (tmp_path / "models").resolve()


def test_names_that_read_alike_have_their_own_folders(tmp_path: Path) -> None:
    assert export_folder(tmp_path, "a/b") != export_folder(tmp_path, "a-b")
