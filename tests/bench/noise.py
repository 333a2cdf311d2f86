"""How much others used the machine meanwhile: a run on a busy one is to be read with care."""

import time

import psutil


class Noise:
    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy = _busy_seconds()
        self._ours = _our_seconds()

    def share(self) -> float:
        """Of all cores since then, 0 to 1: what neither we nor our children used."""
        cores = psutil.cpu_count() or 1
        busy = _busy_seconds() - self._busy
        ours = _our_seconds() - self._ours
        return max(0.0, (busy - ours) / (cores * (time.monotonic() - self._began)))


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def _our_seconds() -> float:
    """Of this process, its children, and theirs; those that are gone count with their parents."""
    us = psutil.Process()
    return sum(_seconds(process) for process in [us, *us.children(recursive=True)])


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
