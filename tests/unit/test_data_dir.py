"""What `serve` keeps in its data directory."""

import base64
import os
import stat
from pathlib import Path

import pytest

from app.cli.data_dir import (
    Credentials,
    holder,
    locked,
    read_credentials,
    secret_key,
    write_credentials,
    write_private,
)
from app.errors import StartError


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with locked(tmp_path):
        assert holder(tmp_path) == os.getpid()
        with pytest.raises(StartError, match=f"process {os.getpid()}"), locked(tmp_path):
            pass
    assert holder(tmp_path) is None


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be written"), locked(tmp_path / "file" / "data"):
        pass


def test_the_secret_key_is_made_once(tmp_path: Path) -> None:
    first = secret_key(tmp_path)
    assert len(base64.b64decode(first)) == 32
    assert secret_key(tmp_path) == first


def test_a_damaged_secret_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("c2hvcnQ=")
    with pytest.raises(StartError, match="damaged"):
        secret_key(tmp_path)


def test_a_secret_key_lost_beside_its_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(StartError, match="missing"):
        secret_key(tmp_path)


def test_private_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = os.umask(0)
    try:
        write_private(path, b"one")
        write_private(path, b"two")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_half_written_file_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file.new").write_bytes(b"half")
    write_private(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_credentials_come_back(tmp_path: Path) -> None:
    assert read_credentials(tmp_path) is None
    credentials = Credentials("http://127.0.0.1:8642/v1", "bs_sk_a", "bs_sk_b")
    write_credentials(tmp_path, credentials)
    assert read_credentials(tmp_path) == credentials
    (tmp_path / "credentials.json").write_text("{")
    assert read_credentials(tmp_path) is None
