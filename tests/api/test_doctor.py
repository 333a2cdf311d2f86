"""`backstory doctor` names what is wrong and what to do, and touches nothing."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrate
from tests.support.postgres_fixtures import DatabaseUrls, data_folder, fresh_database, psql
from tests.support.serving import run_command


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    with fresh_database(postgres) as urls:
        yield urls


def test_a_fresh_machine_is_well(tmp_path: Path) -> None:
    done = _doctor(tmp_path / "data")
    assert done.returncode == 0, done.stdout
    assert "All is well." in done.stdout
    assert not (tmp_path / "data").exists()


def test_a_stopped_database_stays_stopped() -> None:
    with data_folder() as folder:
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        postgres.stop()
        (folder / "secret.key").touch()
        done = _doctor(folder)
        assert done.returncode == 0, done.stdout
        assert "is stopped, and starts with the service" in done.stdout
        assert not postgres.find_running()


def test_data_of_another_postgres(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("15\n")
    done = _doctor(tmp_path)
    assert done.returncode == 1
    assert "was made by Postgres 15" in done.stdout
    assert "secret.key is missing" in done.stdout


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _doctor(tmp_path, "--port", str(port))
    assert done.returncode == 1
    assert f"fail Port {port} on 127.0.0.1 cannot be had" in done.stdout
    assert "choose another --port" in done.stdout


def test_a_data_dir_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = _doctor(tmp_path / "file")
    assert done.returncode == 1
    assert "cannot be written" in done.stdout


def test_a_reranking_model(tmp_path: Path) -> None:
    model = tmp_path / "ranks"
    done = _doctor(tmp_path / "data", BACKSTORY_RERANK_MODEL=str(model))
    assert done.returncode == 1
    assert f"The reranking model's folder {model} is missing" in done.stdout
    model.mkdir()
    for architecture, level in (("BertModel", "fail"), ("BertForSequenceClassification", "ok")):
        (model / "config.json").write_text(f'{{"architectures": ["{architecture}"]}}')
        done = _doctor(tmp_path / "data", BACKSTORY_RERANK_MODEL=str(model))
        assert _line(done.stdout, str(model)).startswith(level)
    assert done.returncode == 0, done.stdout
    done = _doctor(tmp_path / "data", BACKSTORY_RERANK_MODEL="somebody/ranks")
    assert _line(done.stdout, "somebody/ranks").startswith("warn")


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        done = _doctor(tmp_path, BACKSTORY_ENGINE_URL=url)
    assert done.returncode == 1
    assert "The engine cannot be reached" in done.stdout
    assert "Check that it runs" in done.stdout


def test_an_engine_that_refuses_the_key(tmp_path: Path) -> None:
    with _refusing_engine() as url:
        done = _doctor(tmp_path, BACKSTORY_ENGINE_URL=url, BACKSTORY_ENGINE_API_KEY="sk-secret")
    assert done.returncode == 1
    assert "refuses the key" in done.stdout
    assert "sk-secret" not in done.stdout + done.stderr


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    url = f"postgresql://backstory_service@/backstory?host={tmp_path}"
    done = _doctor(tmp_path, BACKSTORY_DATABASE_URL=url)
    assert done.returncode == 1
    assert "The database cannot be reached" in done.stdout


def test_a_database_that_is_not_migrated(tmp_path: Path, database: DatabaseUrls) -> None:
    done = _doctor(tmp_path, **_named(database))
    assert done.returncode == 1
    assert "migrations are not applied" in done.stdout
    asyncio.run(migrate(database.owner))
    done = _doctor(tmp_path, **_named(database))
    assert done.returncode == 0, done.stdout


def test_a_database_newer_than_the_program(tmp_path: Path, database: DatabaseUrls) -> None:
    asyncio.run(migrate(database.owner))
    psql(database.owner, "INSERT INTO schema_migrations VALUES ('9999_future', 'x')")
    done = _doctor(tmp_path, **_named(database))
    assert done.returncode == 1
    assert "9999_future" in done.stdout
    assert "newer Backstory" in done.stdout


def test_a_role_that_passes_row_security(tmp_path: Path, database: DatabaseUrls) -> None:
    done = _doctor(tmp_path, BACKSTORY_DATABASE_URL=database.superuser)
    assert done.returncode == 1
    assert "The role postgres passes row security" in done.stdout
    assert "backstory_service" in done.stdout


def test_a_database_without_pgvector(tmp_path: Path, database: DatabaseUrls) -> None:
    psql(database.superuser, "DROP EXTENSION vector CASCADE")
    done = _doctor(tmp_path, **_named(database))
    assert done.returncode == 1
    assert "pgvector is missing" in done.stdout


def _doctor(data_dir: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    port = () if "--port" in options else ("--port", "0")
    return run_command("doctor", "--data-dir", str(data_dir), *port, *options, **environ)


def _line(text: str, part: str) -> str:
    return next(line for line in text.splitlines() if part in line)


def _named(urls: DatabaseUrls) -> dict[str, str]:
    return {"BACKSTORY_DATABASE_URL": urls.service, "BACKSTORY_DATABASE_OWNER_URL": urls.owner}


class _Refuse(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def _refusing_engine() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Refuse) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
