"""What is measured, as it runs for real: `backstory serve` and its processes, engine and peer."""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from app.db.embedded import EmbeddedPostgres
from app.embeddings.embedder_process import embedder_socket
from app.embeddings.model import DEFAULT_MODEL
from app.embeddings.process_embedder import ProcessEmbedder
from app.health import BACKLOG_SECONDS
from app.processes import ChildProcess
from tests.bench.client import connect, request
from tests.support.postgres_fixtures import data_folder
from tests.support.service import free_port
from tests.support.serving import Serving, end, until

START_SECONDS_MAX = 30.0
IDLE_SECONDS_MAX = 3600.0
POLL_SECONDS = 0.05
ERROR_CHARS_MAX = 4000
ENGINE_KEY = "sk-bench"


class World:
    """Made by `open_world`: one service with its own Postgres and embedder for a whole run."""

    def __init__(self, data_dir: Path, engine: "Program", peer: "Program") -> None:
        self.data_dir = data_dir
        self.engine_url = f"{engine.root_url}/v1"
        self.peer_url = peer.root_url
        self.peer_worker = peer.worker
        self.service = self._start()
        self.postgres = EmbeddedPostgres(data_dir)
        self.postgres.find_running()

    def _start(self) -> Serving:
        environ = {
            "BACKSTORY_ENGINE_URL": self.engine_url,
            "BACKSTORY_ENGINE_API_KEY": ENGINE_KEY,
            "BACKSTORY_LOG_LEVEL": "warning",
        }
        service = Serving(self.data_dir, environ=environ)
        try:
            service.wait_ready()
        except BaseException:
            end(service)
            raise
        return service

    def restart(self) -> None:
        """Every process of the service goes and comes again, on the same data."""
        self.service.stop()
        self.service = self._start()
        self.postgres.find_running()

    def close(self) -> None:
        end(self.service)

    @property
    def url(self) -> str:
        """The base URL; it ends in /v1."""
        return self.service.credentials.base_url

    @property
    def key(self) -> str:
        return self.service.credentials.api_key

    @property
    def worker(self) -> psutil.Process:
        """The process that serves."""
        return self.service.child("multiprocessing.spawn")

    def embedder(self) -> ProcessEmbedder:
        """The service's own embedder process, asked without the service."""
        return ProcessEmbedder(embedder_socket(self.data_dir), DEFAULT_MODEL, 60.0)

    async def health(self) -> dict[str, Any]:
        connection = await connect(self.url)
        try:
            url = f"{self.service.root_url}/health/ready"
            reply = await connection.send(request(url, method="GET"))
        finally:
            connection.close()
        found: dict[str, Any] = reply.json()
        return found

    async def backlog(self) -> dict[str, int]:
        """Jobs that wait, by topic."""
        jobs = (await self.health())["jobs"]
        failed = {job["topic"]: job["failed"] for job in jobs if job["failed"]}
        assert not failed, f"jobs have failed: {failed}"
        return {job["topic"]: job["waiting"] for job in jobs if job["waiting"]}

    async def until_idle(self) -> float:
        """Until nothing waits in the outbox; the seconds that it took."""
        began = time.monotonic()
        await asyncio.sleep(BACKLOG_SECONDS)  # the service may still tell of the time before
        while await self.backlog():
            assert time.monotonic() - began < IDLE_SECONDS_MAX, "the backlog does not end"
            await asyncio.sleep(POLL_SECONDS)
        return time.monotonic() - began

    async def until_loaded(self) -> None:
        """Until the embedder can embed."""
        began = time.monotonic()
        while not (await self.health())["embedder"]["loaded"]:
            assert time.monotonic() - began < IDLE_SECONDS_MAX, "the embedder does not load"
            await asyncio.sleep(POLL_SECONDS)


@contextmanager
def open_world() -> Iterator[World]:
    """At the end nothing of it runs, however the bench ended."""
    with (
        data_folder() as folder,
        _program("engine", folder) as engine,
        _program("peer", folder, "--engine-url", f"{engine.root_url}/v1") as peer,
        closing(World(folder / "data", engine, peer)) as world,
    ):
        try:
            yield world
        except BaseException:
            print(world.service.err[-ERROR_CHARS_MAX:], file=sys.stderr)
            raise


class Program(NamedTuple):
    """A program of the benches. `worker` is the process in it that serves."""

    root_url: str
    worker: psutil.Process


@contextmanager
def _program(name: str, folder: Path, *options: str) -> Iterator[Program]:
    port = free_port()
    command = [sys.executable, "-m", f"tests.bench.{name}", "--port", str(port), *options]
    process = ChildProcess(name, command, folder / f"{name}.log")
    process.start()
    try:
        until(lambda: _listens(port) or not process.alive(), START_SECONDS_MAX)
        assert process.alive(), process.log_tail()
        assert process.pid
        # Granian's children: the worker, and Python's tracker of resources before it.
        below = psutil.Process(process.pid).children()
        worker = below[-1] if below else psutil.Process(process.pid)
        yield Program(f"http://127.0.0.1:{port}", worker)
    finally:
        process.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
