"""Children that live and die with us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.processes import LOG_BYTES_MAX, ChildProcess
from tests.support.serving import until

SLEEPER = "from app.processes import die_with_parent; die_with_parent(); import time; "
SLEEPER += "print('sleeping', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
STUBBORN += "print('deaf', flush=True); time.sleep(60)"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[[str], ChildProcess]]:
    made: list[ChildProcess] = []

    def make(program: str) -> ChildProcess:
        process = ChildProcess("child", [sys.executable, "-c", program], tmp_path / "child.log")
        made.append(process)
        return process

    yield make
    for process in made:
        process.stop()


def test_a_dead_child_is_started_again(child: Callable[[str], ChildProcess]) -> None:
    process = child(SLEEPER)
    process.start()
    first = process.pid
    assert first is not None
    assert not process.restart_if_dead()
    os.kill(first, signal.SIGKILL)
    until(lambda: not process.alive())
    assert process.exit_code == -signal.SIGKILL
    assert process.restart_if_dead()
    assert process.pid != first


def test_one_that_does_not_listen_is_killed(child: Callable[[str], ChildProcess]) -> None:
    process = child(STUBBORN)
    process.start()
    until(lambda: "deaf" in process.log_tail())
    process.stop(timeout_seconds=0.1)
    assert not process.alive()


def test_what_a_child_started_ends_with_it(child: Callable[[str], ChildProcess]) -> None:
    process = child("import subprocess, sys; subprocess.run(['sleep', '60'])")
    process.start()
    parent = psutil.Process(process.pid)
    until(lambda: bool(parent.children()))
    grandchild = parent.children()[0]
    process.stop()
    until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_a_child_is_told_no_secret(
    child: Callable[[str], ChildProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTORY_SECRET_KEY", "secret")
    monkeypatch.setenv("OPENINFER_API_KEY", "secret")
    process = child("import os; print(sorted(os.environ), flush=True)")
    process.start()
    until(lambda: not process.alive())
    assert "BACKSTORY_PARENT_PID" in process.log_tail()
    assert "SECRET" not in process.log_tail()
    assert "OPENINFER" not in process.log_tail()


def test_a_long_log_is_begun_anew(child: Callable[[str], ChildProcess]) -> None:
    process = child("print('new')")
    process.log_path.write_bytes(b"x" * (LOG_BYTES_MAX + 1))
    process.start()
    until(lambda: not process.alive())
    assert process.log_tail() == "new"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux kills with the parent")
def test_a_child_dies_with_its_killed_parent(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    program = f"""if True:
        import sys, time
        from pathlib import Path
        from app.processes import ChildProcess
        ChildProcess("child", [sys.executable, "-c", {SLEEPER!r}], Path({str(log)!r})).start()
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", program])
    until(lambda: log.exists() and "sleeping" in log.read_text())
    below = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    began = time.monotonic()
    until(lambda: all(p.status() == "zombie" if p.is_running() else True for p in below))
    assert time.monotonic() - began < 5
