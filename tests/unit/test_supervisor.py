"""What runs beside the workers is kept running, and stopped in reverse."""

import pytest

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

    def start(self) -> None:
        self.record.append(f"start {self.name}")
        if self.hopeless:
            raise StartError("It cannot start.")

    def restart_if_dead(self) -> bool:
        if self.hopeless:
            raise StartError("It cannot start.")
        was_dead, self.dead = self.dead, False
        return was_dead

    def stop(self) -> None:
        self.record.append(f"stop {self.name}")


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
