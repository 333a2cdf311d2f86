"""Secrets in what the service logs: looked for after every test, in all that was written."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

TOKEN = re.compile(r"bs_(?:sk|pk|st|rt|pr)_[0-9a-f]{32}[A-Za-z0-9_-]{20,}")
"""Of Backstory's own, whole or nearly: a prefix names one and opens nothing."""

USED: set[str] = set()
"""Those of others, by which tests call engines and log in: see `is_secret`."""


def is_secret(text: str) -> str:
    USED.add(text)
    return text


def secrets_in(text: str) -> list[str]:
    return [*TOKEN.findall(text), *(secret for secret in USED if secret in text)]


def check_log_files(folder: Path) -> None:
    """Of a service that ran in a process of its own."""
    for path in _logs(folder):
        found = secrets_in(path.read_text(errors="replace"))
        assert not found, f"{path.name} holds {len(found)} secrets, such as {found[0][:12]}…"


def _logs(folder: Path) -> Iterator[Path]:
    beside: Iterable[Path] = [folder.with_name(f"{folder.name}.{end}") for end in ("out", "err")]
    yield from (path for path in beside if path.exists())
    yield from folder.glob("**/*.log")
