"""Bytes under their SHA-256, and files: uploads of them."""

from datetime import datetime
from typing import Literal, get_args

import msgspec

from app.ids import FileId, UserId, id_text

Purpose = Literal["vision", "user_data"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


class Blob(msgspec.Struct, frozen=True):
    """Bytes that are known to be an image, of the media type that they show."""

    sha256: bytes
    media_type: str
    data: bytes


class StoredFile(msgspec.Struct, frozen=True):
    file_id: FileId
    user_id: UserId
    sha256: bytes
    media_type: str
    size_bytes: int
    filename: str
    purpose: Purpose
    created_at: datetime
    expires_at: datetime | None


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants to be a file, read and checked."""

    blob: Blob
    filename: str
    purpose: Purpose
    expires_after_seconds: int | None
    user: str | None


class File(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's object; Unix seconds."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: Purpose
    status: Literal["processed"] = "processed"
    status_details: None = None


class DeletedFile(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["file"] = "file"
    deleted: bool = True


def shown(stored: StoredFile) -> File:
    return File(
        id=id_text("file", stored.file_id),
        bytes=stored.size_bytes,
        created_at=int(stored.created_at.timestamp()),
        expires_at=int(stored.expires_at.timestamp()) if stored.expires_at else None,
        filename=stored.filename,
        purpose=stored.purpose,
    )
