"""Compaction items as clients carry them: only this installation reads or makes them, and each is
bound to its project and user."""

import base64
import binascii
from uuid import UUID

import msgspec
import zstandard

from app.contexts.compacted import Compacted
from app.engine.types import Item
from app.errors import InvalidRequest
from app.ids import ProjectId, UserId
from app.vault import Vault

COMPACTION = "compaction"
LEVEL = 3
PLAIN_BYTES_MAX = 64 * 2**20
PURPOSE = b"compaction"


class Sealed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the two: itself, or the id under which it is stored."""

    compacted: Compacted | None = None
    stored: UUID | None = None


class Seals:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def item(self, sealed: Sealed, project: ProjectId, user: UserId) -> Item:
        plain = zstandard.ZstdCompressor(level=LEVEL).compress(msgspec.json.encode(sealed))
        bytes_ = self._vault.seal(plain, _bound_to(project, user))
        return {
            "type": COMPACTION,
            "encrypted_content": base64.urlsafe_b64encode(bytes_).decode(),
        }

    def open(self, item: Item, project: ProjectId, user: UserId) -> Sealed | None:
        """None where it is not ours, another user's, or damaged."""
        try:
            bytes_ = base64.b64decode(item["encrypted_content"], altchars=b"-_", validate=True)
            plain = self._vault.open(bytes_, _bound_to(project, user))
            return _unpack(plain)
        except (KeyError, TypeError, ValueError, binascii.Error, zstandard.ZstdError):
            return None


def _unpack(plain: bytes) -> Sealed | None:
    """The size that the frame tells is asked first: zstandard's own limit does not bind there."""
    if not 0 <= zstandard.frame_content_size(plain) <= PLAIN_BYTES_MAX:
        return None
    return msgspec.json.decode(zstandard.ZstdDecompressor().decompress(plain), type=Sealed)


def not_ours(param: str) -> InvalidRequest:
    return InvalidRequest(
        "The encrypted content of this compaction item could not be verified: it was not made "
        "here for this user, or what it was made from has been deleted.",
        param=f"{param}.encrypted_content",
        code="invalid_encrypted_content",
    )


def _bound_to(project: ProjectId, user: UserId) -> bytes:
    return PURPOSE + project.bytes + user.bytes
