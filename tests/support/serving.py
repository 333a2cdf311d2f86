"""`backstory serve` as a person starts it: a process, its output, the processes below it."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from app.cli.data_dir import Credentials, read_credentials
from tests.support.secrets_in_logs import check_log_files

ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 60.0


class Serving:
    """One run of `backstory serve` on a data directory."""

    def __init__(self, data_dir: Path, *options: str, environ: Mapping[str, str] | None = None):
        self.data_dir = data_dir
        self.out_path = data_dir.with_name(data_dir.name + ".out")
        self.err_path = data_dir.with_name(data_dir.name + ".err")
        command = [sys.executable, "-m", "app.cli", "serve", "--data-dir", str(data_dir)]
        with self.out_path.open("wb") as out, self.err_path.open("wb") as err:
            self.process = subprocess.Popen(
                [*command, "--port", "0", *options],
                cwd=ROOT,
                env=clean_environ() | dict(environ or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def out(self) -> str:
        return self.out_path.read_text()

    @property
    def err(self) -> str:
        return self.err_path.read_text()

    @property
    def credentials(self) -> Credentials:
        credentials = read_credentials(self.data_dir)
        assert credentials is not None
        return credentials

    @property
    def root_url(self) -> str:
        return self.credentials.base_url.removesuffix("/v1")

    def wait_ready(self) -> None:
        """Until the three lines are there."""
        until(lambda: "docs " in self.out or self.process.poll() is not None, START_SECONDS_MAX)
        assert self.process.poll() is None, self.err

    def get(self, path: str, key: str | None = None) -> int:
        """The status; 0 where nothing answers."""
        headers = {"Authorization": f"Bearer {key or self.credentials.api_key}"}
        request = urllib.request.Request(self.root_url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def below(self) -> list[psutil.Process]:
        """Every process that it started, also Postgres."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, mark: str) -> psutil.Process:
        """The child with the mark in its command line."""
        found = [process for process in self.below() if mark in " ".join(_command(process))]
        assert found, f"no process with {mark!r}"
        return found[0]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(data_dir: Path, *options: str, **environ: str) -> Iterator[Serving]:
    """Ready inside; at the end nothing of it runs, however the test ended."""
    service = Serving(data_dir, *options, environ=environ)
    try:
        service.wait_ready()
        yield service
    finally:
        end(service)


def end(service: Serving) -> None:
    below = service.below() if service.process.poll() is None else []
    try:
        service.stop()
    finally:
        for process in [*below, *servers_in(service.data_dir)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        until(lambda: not servers_in(service.data_dir))
    check_log_files(service.data_dir)


def run_command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`backstory …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env=clean_environ() | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def servers_in(data_dir: Path) -> list[psutil.Process]:
    """Postgres servers of the directory, also those that nobody started today."""
    mark = str(data_dir / "postgres")
    running = psutil.process_iter()
    return [process for process in running if mark in _command(process)]


def clean_environ() -> dict[str, str]:
    ours = ("BACKSTORY_", "OPENINFER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(_runs(process) for process in processes)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
