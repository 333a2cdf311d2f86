"""E-mail addresses in one form, so that a user is found however they write theirs."""

import re
import unicodedata

from app.errors import InvalidRequest

LENGTH_MAX = 254
WRITTEN_MAX = 4 * LENGTH_MAX
"""Longer cannot be composed to what is short enough; to compose what is long takes long."""

_ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")


def normal_email(text: str) -> str:
    """Composed and in lower case. Raises InvalidRequest where it cannot be an address."""
    written = text[: WRITTEN_MAX + 1].strip().lower()
    address = unicodedata.normalize("NFC", written)
    if len(text) > WRITTEN_MAX or len(address) > LENGTH_MAX or not _ADDRESS.fullmatch(address):
        raise InvalidRequest(
            f"That is no e-mail address of at most {LENGTH_MAX} characters.", param="email"
        )
    return address
