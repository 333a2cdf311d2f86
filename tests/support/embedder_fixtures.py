"""The real embedder process, started once for all tests that want meaning."""

import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import Config
from app.embeddings.embedder_process import EmbedderProcess
from app.embeddings.model import DEFAULT_MODEL
from app.embeddings.process_embedder import ProcessEmbedder

LOADED_TIMEOUT_SECONDS = 120.0


@pytest.fixture(scope="session")
def embedder_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that the model is exported once for all tests."""
    return tmp_path_factory.mktemp("embedder")


@pytest.fixture(scope="session")
def embedder_process(embedder_data_dir: Path) -> Iterator[EmbedderProcess]:
    process = EmbedderProcess(Config(data_dir=embedder_data_dir))
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
async def process_embedder(embedder_process: EmbedderProcess) -> AsyncIterator[ProcessEmbedder]:
    """A client of the real embedder, loaded."""
    config = Config()
    embedder = ProcessEmbedder(
        embedder_process.socket, config.embedding_model, config.embedder_timeout_seconds
    )
    await embedder.wait_loaded(LOADED_TIMEOUT_SECONDS)
    yield embedder
    await embedder.close()


@pytest.fixture(scope="session")
def exported_models(embedder_data_dir: Path, process_embedder: ProcessEmbedder) -> Path:
    """To be linked as `models` into another data directory, whose embedder exports nothing then."""
    assert process_embedder.model
    return embedder_data_dir / "models"


@pytest.fixture(scope="session")
def sentence_transformer() -> Any:
    """The default model as sentence-transformers runs it, to compare with. Takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, while importing
        from app.embeddings.torch_model import load_sentence_transformer
    return load_sentence_transformer(DEFAULT_MODEL)
