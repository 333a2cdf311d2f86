"""Starting and stopping the embedder process from the parent of the service's workers."""

import hashlib
import os
import tempfile
from pathlib import Path

from app.config import Config
from app.embeddings.model import DEFAULT_MODEL, environment, python_module
from app.errors import StartError
from app.processes import ChildProcess

SOCKET_PATH_BYTES_MAX = 103
"""What the kernel takes: 107 on Linux, 103 on macOS."""


class EmbedderProcess(ChildProcess):
    """Start it from a thread that lives as long as it shall (see `die_with_parent`)."""

    def __init__(self, config: Config) -> None:
        data_dir = config.data_dir.resolve()
        self.socket = embedder_socket(data_dir, config.embedding_model)
        super().__init__(
            self.socket.stem,
            _command(config, data_dir, self.socket),
            data_dir / "logs" / f"{self.socket.stem}.log",
            environment(_models(config), config.embedder_threads),
        )


def _models(config: Config) -> list[str]:
    return [config.embedding_model, *filter(None, [config.rerank_model])]


def embedder_socket(data_dir: Path, model: str = DEFAULT_MODEL) -> Path:
    """In the data directory, or, where its path is too long for a socket, in the temporary one.

    The same for all processes of a data directory, another for another model. Only its owner may
    reach it: who can ask the embedder can also keep it busy. Raises StartError.
    """
    data_dir = data_dir.resolve()
    folder = data_dir / "run"
    if len(os.fsencode(folder / f"{_name(model)}.sock")) > SOCKET_PATH_BYTES_MAX:
        name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"backstory-run-{name}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise StartError(f"{folder} belongs to another user: choose another data directory.")
    folder.chmod(0o700)
    return folder / f"{_name(model)}.sock"


def _name(model: str) -> str:
    """Two may run at a time, while the vectors of a new model are made."""
    if model == DEFAULT_MODEL:
        return "embedder"
    return f"embedder-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def _command(config: Config, data_dir: Path, socket: Path) -> list[str]:
    options = {
        "--socket": str(socket),
        "--data-dir": str(data_dir),
        "--model": config.embedding_model,
        "--threads": str(config.embedder_threads),
        "--batch-texts-max": str(config.embedder_batch_max),
    }
    if config.rerank_model is not None:
        options["--rerank-model"] = config.rerank_model
    flat = [part for pair in options.items() for part in pair]
    return python_module("app.embeddings.server", *flat)
