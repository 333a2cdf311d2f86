"""A database of one's own: what serves without its owner's URL, and what a wrong URL says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.data_dir import read_credentials
from app.config import Config
from app.db.connect import connect_as
from app.db.database import open_database
from app.db.embedded import EmbeddedPostgres
from app.db.migrate import migrations
from app.errors import BackstoryError, StartError
from tests.support.postgres_fixtures import DatabaseUrls, fresh_database, psql
from tests.support.serving import run_command, serving

WRONG = [
    "not a url",
    "mysql://backstory_service@127.0.0.1/backstory",
    "postgresql://backstory_service:se/cret#x@127.0.0.1/backstory",
    "postgresql://backstory_service@127.0.0.1:1/backstory",
    "postgresql://backstory_service@127.0.0.1/backstory?sslmode=perhaps",
]


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    with fresh_database(postgres) as urls:
        yield urls


def test_without_the_owner_it_serves_what_is_migrated_with_the_keys_that_are_known(
    tmp_path: Path, database: DatabaseUrls
) -> None:
    service_only = {"BACKSTORY_DATABASE_URL": database.service}
    both = service_only | {"BACKSTORY_DATABASE_OWNER_URL": database.owner}
    data_dir = tmp_path / "data"
    serve = ("serve", "--data-dir", str(data_dir), "--port", "0")

    done = run_command(*serve, **service_only)
    assert done.returncode == 1
    assert f"lacks {len(migrations())} migrations" in done.stderr
    assert "run 'backstory migrate' with BACKSTORY_DATABASE_OWNER_URL" in done.stderr
    assert psql(database.superuser, "SELECT to_regclass('schema_migrations')") == ""

    assert run_command("migrate", **both).returncode == 0
    done = run_command(*serve, **service_only)
    assert done.returncode == 1
    assert "no keys for this database" in done.stderr
    assert "BACKSTORY_DATABASE_OWNER_URL for one start" in done.stderr
    assert read_credentials(data_dir) is None

    with serving(data_dir, **both) as service:
        first = service.credentials
    with serving(data_dir, **service_only) as service:
        assert service.credentials.api_key == first.api_key
        assert service.get("/v1/requests", first.admin_key) == 200
    assert run_command("doctor", "--data-dir", str(data_dir), **service_only).returncode == 0

    psql(database.superuser, "UPDATE api_keys SET revoked_at = now() WHERE name = 'default'")
    with serving(data_dir, **service_only) as service:
        assert "keys that are not good any more" in service.err
        assert service.get("/v1/requests", first.api_key) == 401
        assert service.get("/v1/requests", first.admin_key) == 200
    with serving(data_dir, **both) as service:
        assert service.credentials.admin_key == first.admin_key
        assert service.get("/v1/requests", service.credentials.api_key) == 200


def test_to_migrate_takes_the_owner(database: DatabaseUrls) -> None:
    done = run_command("migrate", BACKSTORY_DATABASE_URL=database.service)
    assert done.returncode == 1
    assert "BACKSTORY_DATABASE_OWNER_URL is not set" in done.stderr


@pytest.mark.parametrize("url", WRONG)
async def test_a_wrong_url_is_said_in_a_sentence(url: str) -> None:
    with pytest.raises(StartError, match=r"cannot be reached as its owner: .+") as caught:
        await connect_as(url, "its owner")
    assert "cret" not in str(caught.value)
    with pytest.raises(BackstoryError, match=r"The database cannot be .+"):
        async with open_database(url, Config()):
            pass


@pytest.mark.parametrize("command", ["migrate", "doctor", "serve"])
def test_no_command_ends_in_a_traceback(tmp_path: Path, command: str) -> None:
    options = () if command == "migrate" else ("--data-dir", str(tmp_path), "--port", "0")
    done = run_command(
        command,
        *options,
        BACKSTORY_DATABASE_URL=WRONG[1],
        BACKSTORY_DATABASE_OWNER_URL=WRONG[1],
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be reached as" in done.stdout + done.stderr
