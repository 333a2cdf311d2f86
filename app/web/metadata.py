"""OpenAI's `metadata`: a few short texts under short names."""

from typing import Annotated

from msgspec import Meta

PAIRS_MAX = 16
KEY_LENGTH_MAX = 64
VALUE_LENGTH_MAX = 512

Key = Annotated[str, Meta(max_length=KEY_LENGTH_MAX)]
Value = Annotated[str, Meta(max_length=VALUE_LENGTH_MAX)]
Metadata = Annotated[dict[Key, Value], Meta(max_length=PAIRS_MAX)]
