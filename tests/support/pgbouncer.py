"""A real PgBouncer before the test Postgres: pooling by transaction, fewer servers than clients."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.db.server_user import server_user
from tests.support.postgres_fixtures import data_folder
from tests.support.service import free_port
from tests.support.serving import until

SERVERS = 3
SETTINGS = """
[databases]
* = host={postgres}

[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = {port}
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {servers}
server_round_robin = 1
max_client_conn = 200
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""
"""Servers in turn: whoever counts on getting the last one again is wrong at once."""


@contextmanager
def run_pgbouncer(url: str) -> Iterator[str]:
    """The same database and role by way of it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed.")
    parts = urlsplit(url)
    postgres = parse_qs(parts.query)["host"][0]
    with data_folder() as folder:
        port = free_port()
        _settle(folder, postgres, port, parts.username or "")
        process = _start(program, folder)
        try:
            until(lambda: (folder / f".s.PGSQL.{port}").exists() or process.poll() is not None)
            assert process.poll() is None, (folder / "pgbouncer.log").read_text()
            yield parts._replace(query=f"host={folder}&port={port}").geturl()
        finally:
            process.terminate()
            process.wait(10)


def _settle(folder: Path, postgres: str, port: int, role: str) -> None:
    settings = SETTINGS.format(folder=folder, postgres=postgres, port=port, servers=SERVERS)
    (folder / "pgbouncer.ini").write_text(settings)
    (folder / "users.txt").write_text(f'"{role}" ""\n')


def _start(program: str, folder: Path) -> "subprocess.Popen[bytes]":
    """As the user that Postgres lets into its socket: like it, it refuses to run as root."""
    user = server_user(folder / "postgres")
    options = {"user": user.uid, "group": user.gid, "extra_groups": []} if user.borrowed else {}
    if user.borrowed:
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.uid, user.gid)
    command = [program, "-q", str(folder / "pgbouncer.ini")]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload, no-any-return]
