"""What `serve` keeps in a data directory: the lock, the secret key, the first keys."""

import base64
import binascii
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from app.errors import StartError

SECRET_BYTES = 32


class Credentials(msgspec.Struct, frozen=True):
    base_url: str
    api_key: str
    admin_key: str


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the directory for this process. The kernel lets go of it, however the process ends."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data_dir / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(f"{data_dir} cannot be written: {error.strerror}.") from error
    try:
        _lock_or_refuse(lock, data_dir)
        yield
    finally:
        os.close(lock)


def holder(data_dir: Path) -> int | None:
    """The pid of the `serve` that runs on this directory, if one does."""
    try:
        lock = os.open(data_dir / ".lock", os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(lock, 20, 0) or b"0")
    else:
        return None
    finally:
        os.close(lock)


def secret_key(data_dir: Path) -> str:
    """Read, or made at the first start: 32 random bytes as base64."""
    path = data_dir / "secret.key"
    if path.exists():
        return _checked_key(path)
    if (data_dir / "postgres").exists():
        raise StartError(
            f"{path} is missing, and what the database keeps secret cannot be read without it: "
            "put it back from a backup, or set BACKSTORY_SECRET_KEY to what was used before."
        )
    text = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    write_private(path, text.encode() + b"\n")
    return text


def read_credentials(data_dir: Path) -> Credentials | None:
    try:
        return msgspec.json.decode((data_dir / "credentials.json").read_bytes(), type=Credentials)
    except (OSError, msgspec.MsgspecError):
        return None


def write_credentials(data_dir: Path, credentials: Credentials) -> None:
    text = msgspec.json.format(msgspec.json.encode(credentials), indent=2)
    write_private(data_dir / "credentials.json", text + b"\n")


def write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, and readable by its owner alone from the first byte on."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)


def _lock_or_refuse(lock: int, data_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(lock, 20, 0).decode().strip()
        raise StartError(
            f"Backstory already runs on {data_dir} (process {pid}): stop it, "
            "or choose another --data-dir."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _checked_key(path: Path) -> str:
    text = path.read_text().strip()
    try:
        whole = len(base64.b64decode(text, validate=True)) == SECRET_BYTES
    except binascii.Error:
        whole = False
    if not whole:
        raise StartError(f"{path} is damaged (it should hold 32 bytes as base64): put it back.")
    return text
