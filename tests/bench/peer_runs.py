"""Peers of memory: each in a virtual environment of its own, made once, and driven as a process."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from app.embeddings.model import DEFAULT_MODEL
from tests.bench.measure import Progress
from tests.bench.world import World
from tests.support.serving import ROOT

PROGRAMS = Path(__file__).with_name("peer_programs")
ENVIRONMENTS = ROOT / "build" / "peers"
ANSWER_BYTES_MAX = 2**20
START_SECONDS_MAX = 120.0
CALL_SECONDS_MAX = 1200.0
SILENT = {
    "MEM0_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "HF_HUB_OFFLINE": "1",
}
"""Nothing is sent anywhere."""


class Answer(NamedTuple):
    found: Any
    seconds: float
    """As the peer's own process took them."""


class PeerRun:
    """Made by `open_peer`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def add(self, user: str, memories: Sequence[dict[str, str]]) -> Answer:
        return await self.call("add", user=user, memories=list(memories))

    async def search(self, user: str, query: str, limit: int) -> Answer:
        return await self.call("search", user=user, query=query, limit=limit)

    async def call(self, name: str, **fields: Any) -> Answer:
        self.say({"call": name, **fields})
        return await self.answer(CALL_SECONDS_MAX)

    def say(self, line: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def answer(self, seconds: float) -> Answer:
        assert self._process.stdout
        line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        assert line, "the peer has ended"
        return Answer(**json.loads(line))


@asynccontextmanager
async def open_peer(world: World, name: str, progress: Progress) -> AsyncIterator[PeerRun]:
    """`name` is a program; it has a database of its own in the service's Postgres, and embeds by
    the service's `/v1/embeddings`, so that both have the same vectors."""
    python = await asyncio.to_thread(_environment, name, progress)
    folder = world.data_dir / name
    folder.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(python, str(PROGRAMS / f"{name}_peer.py")),
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "MEM0_DIR": str(folder)} | SILENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        limit=ANSWER_BYTES_MAX,
    )
    try:
        run = PeerRun(process)
        run.say(await _place(world, name, folder))
        await run.answer(START_SECONDS_MAX)
        yield run
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _place(world: World, name: str, folder: Path) -> dict[str, Any]:
    database = f"peer_{name}"
    conn = await asyncpg.connect(world.postgres.superuser_url)
    await conn.execute(f"CREATE DATABASE {database}")
    await conn.close()
    embedder = world.embedder()
    dimensions = (await embedder.embed(["x"], "query")).shape[1]
    await embedder.close()
    return {
        "database": world.postgres.url("postgres", database),
        "url": world.url,
        "key": world.key,
        "model": DEFAULT_MODEL,
        "dimensions": dimensions,
        "folder": str(folder),
    }


def _environment(name: str, progress: Progress) -> str:
    """Its Python; made where these very requirements have none yet."""
    requirements = PROGRAMS / f"requirements-{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = ENVIRONMENTS / f"{name}-{digest}"
    python = folder / "bin" / "python"
    done = folder / ".installed"
    if not done.exists():
        progress(f"installing {name} into {folder}")
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "--no-deps", "-r", str(requirements)],
            check=True,
            stdout=sys.stderr,
            stderr=subprocess.DEVNULL,
        )
        done.touch()
    return str(python)
