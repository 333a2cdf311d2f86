"""Tokens as text: `bs_sk_<project: 32 hex digits><43 letters of the secret>`, and so on.

The project is in the token, so that it is known before anything is looked up. The secret is 32
random bytes: a fast hash is enough (a slow one is for passwords).
"""

import base64
import hmac
import secrets
from hashlib import sha256
from uuid import UUID

import msgspec

from app.ids import ProjectId
from app.web.principal import Kind

PROJECT_DIGITS = 32
PREFIX_LENGTH = 12
SECRET_BYTES = 32
SECRET_LENGTH = 43


class ParsedToken(msgspec.Struct, frozen=True):
    mark: str
    project: ProjectId
    prefix: str
    hash: bytes

    def matches(self, stored_hash: bytes) -> bool:
        return hmac.compare_digest(self.hash, stored_hash)


def make_token(project: ProjectId, mark: str = Kind.KEY, secret: bytes | None = None) -> str:
    """Of 32 random bytes, unless they are given."""
    letters = base64.urlsafe_b64encode(secret or secrets.token_bytes(SECRET_BYTES))
    return f"{mark}{project.hex}{letters.rstrip(b'=').decode()}"


def parsed_token(text: str) -> ParsedToken:
    """Of a text that we made."""
    parsed = parse_token(text)
    assert parsed is not None
    return parsed


def parse_token(text: str, marks: frozenset[str] = frozenset(Kind)) -> ParsedToken | None:
    """None where the text cannot be a token of one of these marks."""
    mark = next((mark for mark in marks if text.startswith(mark)), None)
    if mark is None or not text.isascii():
        return None
    rest = text[len(mark) :]
    project, secret = rest[:PROJECT_DIGITS], rest[PROJECT_DIGITS:]
    if len(secret) != SECRET_LENGTH:
        return None
    try:
        project_id = ProjectId(UUID(hex=project))
    except ValueError:
        return None
    return ParsedToken(mark, project_id, secret[:PREFIX_LENGTH], sha256(text.encode()).digest())
