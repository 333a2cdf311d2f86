"""Processes that live and die with this one."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PR_SET_PDEATHSIG = 1
PARENT_VARIABLE = "BACKSTORY_PARENT_PID"
DRAIN_SIGNAL = signal.SIGURG
"""Tells a worker to end its streams before granian waits for them. Ignored by default."""
LOG_BYTES_MAX = 16 * 2**20


def die_with_parent() -> None:
    """Called first in a child: have the kernel kill it when its parent goes, however it goes.

    Linux watches the *thread* that started the child, so that thread must outlive it. Elsewhere
    this does nothing: a child left behind by kill -9 is found and replaced at the next start.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if _orphaned():
        os._exit(1)


def _orphaned() -> bool:
    """Whether the parent went before the kernel was asked to watch it."""
    expected = os.environ.get(PARENT_VARIABLE)
    return expected is not None and os.getppid() != int(expected)


class ChildProcess:
    """One of our own programs, kept running, its output in a log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_path: Path,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._command = list(command)
        self._environ = dict(environ or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """Minus the signal's number where a signal ended it; None while it runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """A session of its own keeps a terminal's Ctrl-C from it: it is stopped in order."""
        environ = _environ_without_secrets() | self._environ | {PARENT_VARIABLE: str(os.getpid())}
        with open_log(self.log_path) as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def restart_if_dead(self) -> bool:
        """Whether it had to be started again."""
        if self.alive():
            return False
        self.start()
        return True

    def stop(self, timeout_seconds: float = 5.0) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _end_group(self._process.pid)
        self._process = None

    def log_tail(self) -> str:
        return log_tail(self.log_path)


def _end_group(leader: int) -> None:
    """What a child started itself may still be loading, and not watch its parent yet."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _environ_without_secrets() -> dict[str, str]:
    """What a child needs of our settings it is given: keys and URLs are none of its business."""
    ours = ("BACKSTORY_", "OPENINFER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def open_log(path: Path) -> BinaryIO:
    """Kept over restarts, since it says why the last one died; emptied when it is too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    too_long = path.exists() and path.stat().st_size > LOG_BYTES_MAX
    return path.open("wb" if too_long else "ab")


def log_tail(path: Path, bytes_max: int = 2000) -> str:
    """The end of what a program said, for an error message."""
    if not path.exists():
        return ""
    return path.read_bytes()[-bytes_max:].decode(errors="replace").strip()
