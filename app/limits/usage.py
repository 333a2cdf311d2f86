"""What a call used, as far as it is paid for."""

from collections.abc import Mapping
from typing import NamedTuple


class Usage(NamedTuple):
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """Of the input: cheaper, where there is a price for them."""

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def usage_in(said: Mapping[str, object] | None) -> Usage | None:
    """An engine's usage, nested or flat, where it tells one."""
    if not isinstance(said, Mapping):
        return None
    given, made = said.get("input_tokens"), said.get("output_tokens")
    if not (isinstance(given, int) and isinstance(made, int)):
        return None
    if given < 0 or made < 0 or not given + made:
        return None
    details = said.get("input_tokens_details", said)
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    return Usage(given, made, min(given, cached) if isinstance(cached, int) and cached > 0 else 0)
