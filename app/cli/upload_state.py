"""How far the upload of a file has come: kept beside it, so that one that was killed goes on."""

from pathlib import Path

import msgspec

from app.cli.data_dir import write_private
from app.errors import StartError


class Counts(msgspec.Struct):
    imported: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.imported + self.unchanged + self.skipped + self.failed


class Upload(msgspec.Struct):
    """What is uploaded to where, and how many of its records have been answered for."""

    file: str
    size: int
    modified_ns: int
    target: str
    records: int = 0
    counts: Counts = msgspec.field(default_factory=Counts)

    def is_of(self, other: "Upload") -> bool:
        """Whether it is about the same bytes, on their way to the same place."""
        names = ("file", "size", "modified_ns", "target")
        return all(getattr(self, name) == getattr(other, name) for name in names)


class StateFile:
    """Beside the file that is uploaded; nothing is kept where there is no such file (stdin)."""

    def __init__(self, file: Path | None) -> None:
        self._path = file and file.with_name(file.name + ".upload")

    def read(self, fresh: Upload) -> Upload:
        """Where an earlier run of the same upload left off, else the fresh one."""
        try:
            raw = self._path.read_bytes() if self._path else b""
            found = msgspec.json.decode(raw, type=Upload)
        except (OSError, msgspec.MsgspecError):
            return fresh
        return found if found.is_of(fresh) else fresh

    def write(self, upload: Upload) -> None:
        """Raises StartError."""
        if self._path is None:
            return
        try:
            write_private(self._path, msgspec.json.encode(upload))
        except OSError as error:
            raise StartError(f"{self._path} cannot be written: {error.strerror}.") from error

    def forget(self) -> None:
        if self._path:
            self._path.unlink(missing_ok=True)
