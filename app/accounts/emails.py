"""E-mail addresses in one form, so that a user is found however they write theirs."""

import re
import unicodedata

from app.errors import InvalidRequest

LENGTH_MAX = 254
WRITTEN_MAX = 4 * LENGTH_MAX
"""Longer cannot be composed to what is short enough; to compose what is long takes long."""

_PART = r"[^\s@<>()\[\],;:\"\\\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+"
_ADDRESS = re.compile(f"{_PART}@{_PART}")
"""None of what stands around an address in a header, and nothing that cannot be seen."""


def normal_email(text: str) -> str:
    """Composed and in lower case. Raises InvalidRequest where it cannot be an address."""
    written = text[: WRITTEN_MAX + 1].strip()
    address = _composed(written)
    odd = len(text) > WRITTEN_MAX or any(map(_is_disguised, written))
    if odd or len(address) > LENGTH_MAX or not _ADDRESS.fullmatch(address):
        raise InvalidRequest(
            f"That is no e-mail address of at most {LENGTH_MAX} characters.", param="email"
        )
    return address


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())


def _is_disguised(character: str) -> bool:
    """As the Kelvin sign, which becomes a `k`: with it an address would be another's."""
    return not character.isascii() and _composed(character).isascii()
