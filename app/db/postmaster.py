"""The running server of a data directory, as postmaster.pid tells it and the kernel confirms it."""

import signal
import time
from pathlib import Path

import msgspec
import psutil

STOP_SECONDS_MAX = 60.0
POLL_SECONDS = 0.02


class PidFile(msgspec.Struct, frozen=True):
    pid: int
    socket_dir: Path
    status: str  # starting, ready, stopping, …


def read_pid_file(pgdata: Path) -> PidFile | None:
    """None too while the server still writes it."""
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8:
        return None
    return PidFile(pid=int(lines[0]), socket_dir=Path(lines[4]), status=lines[7].strip())


def find_server(pgdata: Path) -> psutil.Process | None:
    """The process that postmaster.pid names, if it really is the server of this directory."""
    pid = _named_pid(pgdata)
    return psutil.Process(pid) if pid and _serves(pid, pgdata) else None


def forget_number_of_another(pgdata: Path) -> None:
    """Postgres would not start where another process has got the dead server's number."""
    pid = _named_pid(pgdata)
    if pid and psutil.pid_exists(pid) and not _serves(pid, pgdata):
        (pgdata / "postmaster.pid").unlink(missing_ok=True)


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(server: psutil.Process) -> None:
    """Fast shutdown; one that takes too long is cut short, and the next start recovers."""
    _signal(server, signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while runs(server):
        if time.monotonic() > deadline:
            _signal(server, signal.SIGQUIT)
            deadline += STOP_SECONDS_MAX
        time.sleep(POLL_SECONDS)


def _named_pid(pgdata: Path) -> int | None:
    try:
        return int((pgdata / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _serves(pid: int, pgdata: Path) -> bool:
    """By its command line, which all may read, as its working directory may not be."""
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return bool(command) and Path(command[0]).name == "postgres" and str(pgdata) in command


def _signal(server: psutil.Process, number: signal.Signals) -> None:
    try:
        server.send_signal(number)
    except psutil.NoSuchProcess:
        return
