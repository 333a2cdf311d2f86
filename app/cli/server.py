"""The workers: granian serves the application in processes of its own."""

import math
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress

from granian.constants import HTTPModes, Interfaces, Loops, TaskImpl
from granian.log import LogLevels
from granian.server import MPServer

from app.config import Config, environ_of
from app.processes import DRAIN_SIGNAL, PARENT_VARIABLE

CONNECTIONS_WAITING_MAX = 2048
REQUESTS_MIN = 4096
DRAIN_MARGIN_SECONDS = 5
OPEN_FILES = 2**16


def serve_workers(config: Config, address: str, port: int, once_started: Callable[[], None]) -> int:
    """Runs until SIGTERM or SIGINT and the streams have ended. Gives the exit code."""
    # Forking would copy our threads' locks and the lock of the data directory into the workers.
    multiprocessing.set_start_method("spawn", force=True)
    _allow_many_connections()
    os.environ.update(environ_of(config) | {PARENT_VARIABLE: str(os.getpid())})
    server = _server(config, address, port)
    told_to_stop = False

    def drain(*_: object) -> None:
        nonlocal told_to_stop
        told_to_stop = True
        _tell_workers()
        server.signal_handler_interrupt()  # type: ignore[no-untyped-call]  # granian leaves it untyped

    def started() -> None:
        # Granian has set its own handlers by now.
        signal.signal(signal.SIGTERM, drain)
        signal.signal(signal.SIGINT, drain)
        once_started()

    server.on_startup(started)
    try:
        server.serve()
    except SystemExit as stopped:
        return 0 if told_to_stop else int(stopped.code or 0)
    return 0 if told_to_stop else 1


def _allow_many_connections() -> None:
    """Many systems give a process 1024 files until it asks for more of those it may have."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _tell_workers() -> None:
    for worker in multiprocessing.active_children():
        with suppress(ProcessLookupError):
            if worker.pid:
                os.kill(worker.pid, DRAIN_SIGNAL)


def _server(config: Config, address: str, port: int) -> MPServer:
    return MPServer(
        "app.cli.worker:make_app",
        address=address,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=config.workers,
        loop=Loops.uvloop,
        task_impl=TaskImpl.asyncio,  # each request has a context: acting_user rests on it
        http=HTTPModes.http1,
        backlog=CONNECTIONS_WAITING_MAX,
        backpressure=max(REQUESTS_MIN, 2 * config.running_responses_max),
        workers_kill_timeout=math.ceil(config.drain_seconds) + DRAIN_MARGIN_SECONDS,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    )
