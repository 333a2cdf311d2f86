"""E-mail addresses in one form, so that a user is found however they write theirs."""

import re
import unicodedata

from app.errors import InvalidRequest

LENGTH_MAX = 254

_ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")


def normal_email(text: str) -> str:
    """Composed and in lower case. Raises InvalidRequest where it cannot be an address."""
    address = unicodedata.normalize("NFC", text.strip().lower())
    if len(address) > LENGTH_MAX or not _ADDRESS.fullmatch(address):
        raise InvalidRequest(
            f"That is no e-mail address of at most {LENGTH_MAX} characters.", param="email"
        )
    return address
