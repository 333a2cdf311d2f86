"""What runs beside the workers is kept running, and stopped in reverse."""

import pytest
from structlog.testing import capture_logs

from app.cli import supervisor as module
from app.cli.supervisor import Supervisor
from app.errors import StartError
from tests.support.serving import until


class Part:
    def __init__(self, name: str, record: list[str]) -> None:
        self.name = name
        self.record = record
        self.dead = False
        self.hopeless = False
        self.broken = False

    def start(self) -> None:
        self.record.append(f"start {self.name}")
        if self.hopeless:
            raise StartError("It cannot start.")

    def restart_if_dead(self) -> bool:
        if self.hopeless:
            raise StartError("It cannot start.")
        if self.broken:
            raise RuntimeError(f"{self.name} is broken")
        was_dead, self.dead = self.dead, False
        return was_dead

    def stop(self) -> None:
        self.record.append(f"stop {self.name}")
        if self.broken:
            raise RuntimeError(f"{self.name} is broken")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.01)


def test_the_last_started_is_stopped_first() -> None:
    record: list[str] = []
    supervisor = Supervisor(record.append)
    supervisor.start(Part("one", record))
    supervisor.start(Part("two", record))
    supervisor.watch()
    supervisor.stop()
    assert record == ["start one", "start two", "stop two", "stop one"]


def test_one_that_did_not_start_is_stopped_too() -> None:
    record: list[str] = []
    supervisor = Supervisor(record.append)
    part = Part("one", record)
    part.hopeless = True
    with pytest.raises(StartError):
        supervisor.start(part)
    supervisor.stop()
    assert record == ["start one", "stop one"]


def test_a_restart_is_said_and_a_failed_one_holds_up_no_other() -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    hopeless, mended = Part("one", []), Part("two", [])
    supervisor.start(hopeless)
    supervisor.start(mended)
    hopeless.hopeless = mended.dead = True
    supervisor.watch()
    until(lambda: "two had died and was started again" in said)
    until(lambda: "one has died and cannot be started: It cannot start." in said)
    supervisor.stop()


def test_an_error_that_nobody_expects_ends_neither_the_watch_nor_the_stop() -> None:
    said: list[str] = []
    stopped: list[str] = []
    supervisor = Supervisor(said.append)
    first, broken, last = (Part(name, stopped) for name in ("one", "two", "three"))
    for part in (first, broken, last):
        supervisor.start(part)
    broken.broken = first.dead = last.dead = True
    with capture_logs() as logs:
        supervisor.watch()
        until(lambda: len(said) == 2)
        first.dead = True
        until(lambda: len(said) == 3)
        supervisor.stop()
    assert stopped[3:] == ["stop three", "stop two", "stop one"]
    assert {entry["event"] for entry in logs} == {"supervisor.failed", "supervisor.not_stopped"}
    assert all(entry["exc_info"] for entry in logs)
