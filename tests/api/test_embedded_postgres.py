"""The embedded server over its whole life, on real processes."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.db.embedded import SOCKET_BYTES_MAX, SOCKET_NAME, EmbeddedPostgres
from app.errors import StartError
from tests.support.postgres_fixtures import data_folder, fresh_database, psql


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    server.start()
    yield server
    server.stop()


def test_the_two_roles_are_bound_by_row_security(postgres: EmbeddedPostgres) -> None:
    roles = "SELECT bool_or(rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname ~ '^backstory_'"
    assert psql(postgres.owner_url, roles) == "f"
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'backstory'"
    assert psql(postgres.service_url, owner) == "backstory_owner"


def test_the_service_role_makes_no_table(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        psql(postgres.service_url, "CREATE TABLE mine (id int)")


def test_a_fresh_database_has_the_extensions(postgres: EmbeddedPostgres) -> None:
    with fresh_database(postgres) as urls:
        assert psql(urls.service, "SELECT '[1,2]'::halfvec(2) <-> '[1,2]'") == "0"


def test_only_the_servers_user_reaches_the_socket(postgres: EmbeddedPostgres) -> None:
    status = postgres.socket_dir.stat()
    assert stat.S_IMODE(status.st_mode) == 0o700
    assert status.st_uid == postgres.pgdata.stat().st_uid
    assert not psutil.Process(postgres.pid).net_connections(kind="tcp")


def test_the_server_gets_no_secret_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_SECRET_KEY", "secret")
    monkeypatch.setenv("PGDATA", "/nowhere")
    server = EmbeddedPostgres(folder)
    server.start()
    try:
        names = set(psutil.Process(server.pid).environ())
        assert not {name for name in names if name.startswith(("BACKSTORY_", "PGDATA"))}
    finally:
        server.stop()


def test_data_outlives_a_stop(server: EmbeddedPostgres) -> None:
    psql(server.owner_url, "CREATE TABLE kept AS SELECT 1 AS n")
    server.stop()
    assert not server.alive()
    server.start()
    assert psql(server.owner_url, "SELECT n FROM kept") == "1"


def test_a_server_that_still_runs_is_taken_over(server: EmbeddedPostgres) -> None:
    second = EmbeddedPostgres(server.data_dir)
    second.start()
    assert second.pid == server.pid
    second.stop()
    assert not server.alive()


def test_a_killed_server_is_recovered(server: EmbeddedPostgres) -> None:
    psql(server.owner_url, "CREATE TABLE kept AS SELECT 1 AS n")
    os.kill(server.pid or 0, signal.SIGKILL)
    _until(lambda: not server.alive())
    assert server.restart_if_dead()
    assert psql(server.owner_url, "SELECT n FROM kept") == "1"
    assert not server.restart_if_dead()


def test_a_pid_file_of_another_process_is_not_believed(server: EmbeddedPostgres) -> None:
    pid_file = server.pgdata / "postmaster.pid"
    text = pid_file.read_text()
    server.stop()
    pid_file.write_text(text.replace(text.split("\n", 1)[0], str(os.getpid()), 1))
    server.start()
    assert server.pid != os.getpid()
    assert psql(server.service_url, "SELECT 1") == "1"


def test_a_server_whose_socket_is_gone_is_replaced(server: EmbeddedPostgres) -> None:
    (server.socket_dir / SOCKET_NAME).unlink()
    second = EmbeddedPostgres(server.data_dir)
    second.start()
    try:
        assert second.pid != server.pid
        assert psql(second.service_url, "SELECT 1") == "1"
    finally:
        second.stop()


def test_a_long_path_has_its_socket_elsewhere(folder: Path) -> None:
    server = EmbeddedPostgres(folder / ("long, and with 'marks' " * 5) / "data")
    server.start()
    try:
        socket = server.socket_dir / SOCKET_NAME
        assert len(os.fsencode(socket)) <= SOCKET_BYTES_MAX
        assert psql(server.service_url, "SELECT 1") == "1"
    finally:
        server.stop()
        server.socket_dir.rmdir()


def test_data_of_another_major_version_is_refused(folder: Path) -> None:
    (folder / "postgres").mkdir(mode=0o700)
    (folder / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(StartError, match="made by Postgres 15"):
        EmbeddedPostgres(folder).start()


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    assert not (folder / "postgres.new").exists()


def test_a_folder_of_something_else_is_left_alone(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "thesis.txt").write_text("years of work")
    with pytest.raises(StartError, match="not a Postgres database"):
        EmbeddedPostgres(folder).start()
    assert (folder / "postgres" / "thesis.txt").exists()


def test_broken_settings_say_so(server: EmbeddedPostgres) -> None:
    server.stop()
    with (server.pgdata / "postgresql.auto.conf").open("a") as conf:
        conf.write("max_connections = many\n")
    with pytest.raises(StartError, match="max_connections"):
        server.start()


def test_folders_above_are_opened_for_passing_and_only_by_root(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "data")
    server.start()
    try:
        assert stat.S_IMODE(closed.stat().st_mode) == (0o701 if os.geteuid() == 0 else 0o700)
        assert psutil.Process(server.pid).uids().effective != 0
    finally:
        server.stop()


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
