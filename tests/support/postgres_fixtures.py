"""One embedded Postgres for a test session, and as many fresh databases in it as wanted."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from app.db.embedded import EmbeddedPostgres, embedded_programs


class DatabaseUrls(msgspec.Struct, frozen=True):
    owner: str
    service: str
    superuser: str


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """Started with roles and extensions; its database `backstory` is empty."""
    with data_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.start()
        yield server
        server.stop()


@contextmanager
def data_folder() -> Iterator[Path]:
    """Short, since a socket's path may not be long."""
    folder = Path(tempfile.mkdtemp(prefix="bs-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(postgres: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    """A database of its own with the extensions, without tables; dropped at the end."""
    name = f"test_{uuid4().hex[:12]}"
    postgres.bootstrap(name)
    yield DatabaseUrls(
        owner=postgres.url("backstory_owner", name),
        service=postgres.url("backstory_service", name),
        superuser=postgres.url("postgres", name),
    )
    psql(postgres.url("postgres", "postgres"), f"DROP DATABASE {name} WITH (FORCE)")


def psql(url: str, sql: str) -> str:
    """For what a test needs outside of any event loop."""
    command = [str(embedded_programs() / "psql"), url, "-X", "-q", "-A", "-t", "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()
