"""What runs beside the workers, kept running."""

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from app.errors import StartError

log = structlog.get_logger()

CHECK_SECONDS = 1.0


class Kept(Protocol):
    """A child process, or the embedded Postgres."""

    @property
    def name(self) -> str: ...
    def start(self) -> None: ...
    def restart_if_dead(self) -> bool: ...
    def stop(self) -> None: ...


class Supervisor:
    """Starts in the order given, looks every second, stops in the reverse order."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._kept: list[Kept] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, kept: Kept) -> None:
        """Known before it is started, so that one half started is stopped too."""
        self._kept.append(kept)
        kept.start()

    def watch(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The kernel ends children with the thread that started them: so it outlives them."""
        self._stopping.set()
        if self._thread.ident is None:
            self._stop_all()
        else:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            for kept in self._kept:
                self._restart_if_dead(kept)
        self._stop_all()

    def _restart_if_dead(self, kept: Kept) -> None:
        try:
            if kept.restart_if_dead():
                self._say(f"{kept.name} had died and was started again")
        except (OSError, StartError) as error:
            self._say(f"{kept.name} has died and cannot be started: {error}")
        except Exception:
            # Whatever it is: the others need looking after, and this one again in a second.
            log.exception("supervisor.failed", kept=kept.name)

    def _stop_all(self) -> None:
        for kept in reversed(self._kept):
            try:
                kept.stop()
            except Exception:
                log.exception("supervisor.not_stopped", kept=kept.name)
