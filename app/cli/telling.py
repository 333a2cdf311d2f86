"""Telling a key, once: on a screen, or into a file that its owner alone reads."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import click

from app.errors import StartError

STDOUT = Path("-")


class Tell(Protocol):
    def __call__(self, key: str) -> None: ...


@contextmanager
def telling(output: Path | None) -> Iterator[Tell]:
    """Made sure of before there is a key, which could not be told again. Raises StartError."""
    if output is None and not sys.stdout.isatty():
        raise StartError(
            "The key is told once: run this in a terminal, or name a file by --output "
            "(- is stdout)."
        )
    if output in (None, STDOUT):
        yield _say
    else:
        assert output is not None
        with _new_file(output) as tell:
            yield tell


def _say(key: str) -> None:
    click.echo(key)


@contextmanager
def _new_file(path: Path) -> Iterator[Tell]:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise StartError(f"{path} cannot be made: {error.strerror}.") from error

    def tell(key: str) -> None:
        os.write(file, key.encode() + b"\n")
        os.fsync(file)

    try:
        yield tell
    except BaseException:
        if os.fstat(file).st_size == 0:
            path.unlink()
        raise
    finally:
        os.close(file)
