"""The real service in a process of its own, to be killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from app.config import Config, environ_of, read_config
from app.identity.bootstrap import FirstKeys
from app.processes import die_with_parent
from tests.support.postgres_fixtures import DatabaseUrls
from tests.support.service import Service, run_service
from tests.support.serving import ROOT


class _Order(msgspec.Struct, frozen=True):
    urls: DatabaseUrls
    environ: dict[str, str]


class _Ready(msgspec.Struct, frozen=True):
    root_url: str
    keys: FirstKeys


class Worker(msgspec.Struct, frozen=True):
    process: asyncio.subprocess.Process
    service: Service

    def kill(self) -> None:
        self.process.kill()


@asynccontextmanager
async def run_worker(urls: DatabaseUrls, config: Config) -> AsyncIterator[Worker]:
    order = msgspec.json.encode(_Order(urls, environ_of(config))).decode()
    reading, writing = os.pipe()  # its own output is its log
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.worker", order, str(writing)),
        cwd=ROOT,
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        ready = msgspec.json.decode(await asyncio.to_thread(_read, reading), type=_Ready)
        yield Worker(process, Service(ready.root_url, ready.keys, urls, config))
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _read(reading: int) -> bytes:
    with open(reading, "rb") as told:
        return told.read()


async def _serve(order: _Order, told: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with run_service(order.urls, read_config(order.environ)) as service:
        os.write(told, msgspec.json.encode(_Ready(service.root_url, service.keys)))
        os.close(told)
        await ended.wait()


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(_serve(msgspec.json.decode(sys.argv[1], type=_Order), int(sys.argv[2])))
