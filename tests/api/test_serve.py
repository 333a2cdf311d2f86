"""`backstory serve` over its whole life. One data directory serves most tests, in any order."""

import os
import pty
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.db.embedded import EmbeddedPostgres
from tests.support.postgres_fixtures import data_folder, fresh_database, psql
from tests.support.serving import (
    ROOT,
    Serving,
    all_gone,
    clean_environ,
    end,
    run_command,
    servers_in,
    serving,
    until,
)


@pytest.fixture(scope="module")
def folder(exported_models: Path) -> Iterator[Path]:
    with data_folder() as path:
        (path / "data").mkdir()
        (path / "data" / "models").symlink_to(exported_models)
        yield path / "data"


def test_three_lines_and_a_private_file_say_where_and_how(folder: Path) -> None:
    with serving(folder) as service:
        lines = dict(line.split(maxsplit=1) for line in service.out.splitlines() if "  " in line)
        credentials = service.credentials
        assert lines["base"] == f"URL  {credentials.base_url}"
        assert lines["docs"] == f"{service.root_url}/docs"
        assert str(folder / "credentials.json") in lines["API"]
        assert credentials.api_key not in service.out + service.err
        assert _mode(folder / "credentials.json") == _mode(folder / "secret.key") == 0o600


def test_the_keys_open_the_service_and_outlive_a_restart(folder: Path) -> None:
    with serving(folder) as service:
        before = service.credentials
        assert service.get("/v1/models") == 200
        assert service.get("/v1/models", key="wrong") == 401
    with serving(folder) as service:
        assert service.credentials.api_key == before.api_key
        assert service.credentials.admin_key == before.admin_key
        assert service.get("/v1/models", before.admin_key) == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_process_and_no_recovery(folder: Path, number: signal.Signals) -> None:
    with serving(folder) as service:
        below = service.below()
        assert servers_in(folder)
        assert service.stop(number) == 0
        until(lambda: all_gone(below))
        assert not servers_in(folder)
        assert not (folder / "postgres" / "postmaster.pid").exists()


def test_ctrl_c_in_a_terminal_ends_it_in_order(folder: Path) -> None:
    with serving(folder) as service:
        below = service.below()
        os.killpg(service.process.pid, signal.SIGINT)
        assert service.process.wait(60) == 0
        until(lambda: all_gone(below))


def test_a_signal_while_it_starts_leaves_no_process(folder: Path) -> None:
    service = Serving(folder)
    try:
        until(lambda: bool(servers_in(folder)) or service.process.poll() is not None)
        below = service.below()
        assert service.stop() == 0, service.err
        until(lambda: all_gone(below))
        assert not servers_in(folder)
    finally:
        end(service)


def test_after_a_kill_the_old_postgres_is_taken_over(folder: Path) -> None:
    killed = Serving(folder)
    try:
        killed.wait_ready()
        before = killed.credentials
        postgres = {process.pid for process in servers_in(folder)}
        others = [process for process in killed.below() if process.pid not in postgres]
        killed.kill()
        until(lambda: all_gone([process for process in others if not _is_postgres(process)]))
        assert postgres == {process.pid for process in servers_in(folder)}
        with serving(folder) as service:
            assert "taken over" in service.err
            assert service.credentials.api_key == before.api_key
            assert service.get("/v1/models") == 200
    finally:
        end(killed)


def test_after_a_kill_of_both_it_starts_again(folder: Path) -> None:
    with serving(folder) as killed:
        before = killed.credentials
        killed.kill()
    assert not servers_in(folder)
    with serving(folder) as service:
        assert service.credentials.api_key == before.api_key
        assert service.get("/v1/models") == 200


def test_what_dies_is_started_again(folder: Path) -> None:
    with serving(folder) as service:
        engine, embedder = service.child("local_server"), service.child("embeddings.server")
        postgres = servers_in(folder)[0]
        for process in (engine, embedder, postgres):
            process.kill()
        until(lambda: all_gone([engine, embedder, postgres]))
        until(lambda: service.get("/v1/models") == 200 and service.get("/v1/requests") == 200)
        for name in ("Postgres", "local engine", "embedder"):
            until(lambda name=name: f"{name} had died" in service.err)  # type: ignore[misc]  # a lambda with a default


def test_a_worker_that_dies_is_replaced(folder: Path) -> None:
    with serving(folder) as service:
        worker = service.child("spawn_main")
        worker.kill()
        until(lambda: all_gone([worker]))
        until(lambda: service.get("/health/live") == 200)


def test_lost_keys_are_made_anew(folder: Path) -> None:
    with serving(folder) as service:
        before = service.credentials
    (folder / "credentials.json").unlink()
    with serving(folder) as service:
        assert service.credentials.api_key != before.api_key
        assert service.get("/v1/models") == 200


def test_a_wiped_database_has_new_keys() -> None:
    with data_folder() as path:
        folder = path / "data"
        with serving(folder) as service:
            before = service.credentials
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        psql(postgres.url("postgres", "postgres"), "DROP DATABASE backstory WITH (FORCE)")
        postgres.stop()
        with serving(folder) as service:
            assert service.credentials.api_key != before.api_key
            assert service.get("/v1/models") == 200
            assert service.get("/v1/models", before.api_key) == 401


def test_a_lost_secret_key_is_not_replaced_in_silence(folder: Path) -> None:
    with serving(folder):
        pass
    secret = (folder / "secret.key").rename(folder / "elsewhere")
    try:
        service = Serving(folder)
        assert service.process.wait(60) == 1
        assert "secret.key is missing" in service.err
        assert not (folder / "secret.key").exists()
    finally:
        secret.rename(folder / "secret.key")


def test_one_service_a_directory(folder: Path) -> None:
    with serving(folder) as service:
        done = run_command("serve", "--data-dir", str(folder), "--port", "0")
        assert done.returncode == 1
        assert f"already runs on {folder} (process {service.process.pid})" in done.stderr
        assert service.get("/health/live") == 200


def test_a_taken_port_ends_the_start_before_anything_runs(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_command("serve", "--data-dir", str(tmp_path / "data"), "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be had" in done.stderr
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_second_service_gets_no_part_of_the_port(folder: Path) -> None:
    with serving(folder) as service, data_folder() as other:
        port = service.root_url.rpartition(":")[2]
        done = run_command("serve", "--data-dir", str(other), "--port", port)
        assert done.returncode == 1
        assert "cannot be had" in done.stderr


def test_a_key_without_its_engine_ends_the_start(tmp_path: Path) -> None:
    done = run_command("serve", "--data-dir", str(tmp_path / "data"), OPENINFER_API_KEY="sk-x")
    assert done.returncode == 1
    assert "OPENINFER_BASE_URL" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_superuser_is_refused(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    with fresh_database(postgres) as urls:
        done = run_command(
            "serve",
            "--data-dir",
            str(tmp_path),
            "--port",
            "0",
            BACKSTORY_DATABASE_URL=urls.superuser,
            BACKSTORY_DATABASE_OWNER_URL=urls.owner,
        )
    assert done.returncode == 1
    assert "passes row security" in done.stderr


def test_a_database_of_ones_own(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    with fresh_database(postgres) as urls:
        named = {"BACKSTORY_DATABASE_URL": urls.service, "BACKSTORY_DATABASE_OWNER_URL": urls.owner}
        assert "applied 0001" in run_command("migrate", **named).stdout
        assert run_command("migrate", **named).stdout == "The database is up to date.\n"
        with serving(tmp_path / "data", **named) as service:
            assert service.get("/v1/models") == 200
            assert not servers_in(tmp_path / "data")


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    done = run_command("serve", "--data-dir", str(tmp_path), BACKSTORY_SECRET_KEY="short")
    assert done.returncode == 1
    assert "BACKSTORY_SECRET_KEY must be" in done.stderr


def test_a_terminal_is_shown_the_key(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "app.cli", "serve", "--data-dir", str(folder), "--port", "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=clean_environ(), stdout=theirs, stderr=subprocess.DEVNULL
    )
    os.close(theirs)
    shown = b""
    try:
        while b"docs " not in shown:
            shown += os.read(ours, 4096)
    finally:
        process.terminate()
        assert process.wait(60) == 0
        os.close(ours)
    assert b"API key   bs_sk_" in shown


def test_the_doctor_finds_nothing_while_it_runs(folder: Path) -> None:
    with serving(folder) as service:
        done = run_command("doctor", "--data-dir", str(folder))
        assert done.returncode == 0, done.stdout
        assert f"The service runs (process {service.process.pid})" in done.stdout
        assert "The schema is up to date" in done.stdout
        assert "The engine at http://127.0.0.1" in done.stdout
        assert service.get("/health/live") == 200


def test_workers_get_no_engine_of_their_own(folder: Path) -> None:
    """Two workers share one engine, one embedder and one Postgres."""
    with serving(folder, "--workers", "2") as service:
        commands = [" ".join(process.cmdline()) for process in _living(service.below())]
        assert sum("spawn_main" in command for command in commands) == 2
        assert sum("local_server" in command for command in commands) == 1
        assert len(servers_in(folder)) == 1


def _is_postgres(process: psutil.Process) -> bool:
    """Also the server's own children, which live as long as it does."""
    try:
        return process.name() == "postgres"
    except psutil.NoSuchProcess:
        return False


def _living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.status() != psutil.STATUS_ZOMBIE]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
