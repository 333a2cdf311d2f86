"""API keys as text: `bs_sk_<project: 32 hex digits><43 letters of the secret>`.

The project is in the key, so that it is known before anything is looked up. The secret is 32
random bytes: a fast hash is enough (a slow one is for passwords).
"""

import hmac
import secrets
from hashlib import sha256
from uuid import UUID

import msgspec

from app.ids import ProjectId

MARK = "bs_sk_"
PROJECT_DIGITS = 32
PREFIX_LENGTH = 12
KEY_LENGTH = len(MARK) + PROJECT_DIGITS + 43


class ParsedKey(msgspec.Struct, frozen=True):
    project: ProjectId
    prefix: str
    hash: bytes

    def matches(self, stored_hash: bytes) -> bool:
        return hmac.compare_digest(self.hash, stored_hash)


def make_key(project: ProjectId) -> str:
    return f"{MARK}{project.hex}{secrets.token_urlsafe(32)}"


def parse_key(text: str) -> ParsedKey | None:
    """None where the text cannot be a key."""
    if len(text) != KEY_LENGTH or not text.startswith(MARK) or not text.isascii():
        return None
    project, secret = text[len(MARK) :][:PROJECT_DIGITS], text[len(MARK) + PROJECT_DIGITS :]
    try:
        project_id = ProjectId(UUID(hex=project))
    except ValueError:
        return None
    return ParsedKey(project_id, secret[:PREFIX_LENGTH], sha256(text.encode()).digest())
