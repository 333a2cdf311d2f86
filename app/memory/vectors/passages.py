"""Cutting a long text into passages that a model reads whole, at paragraphs and sentences.

What a model does not read of a text has no part in its vector: all-MiniLM-L6-v2 reads 256 tokens,
about a thousand characters of English. The passages of a text are about equally long, so that none
is a scrap.
"""

import re

PASSAGE_CHARS = 800
"""What a passage has about: 200 tokens of English. It is shorter or longer by a quarter at most."""

PASSAGE_CHARS_MAX = 1_000
"""A text that is no longer is one passage."""

PASSAGES_MAX = 64
"""Of a memory. A text that is longer than so many gets longer ones, of which a model reads the
beginning. The embedder takes as many texts at a time: they are stored together or not at all."""

LOOSE = 0.25
"""How far from its place a border may be, as a share of a passage."""

IDEOGRAPHIC = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003fffd]")
IDEOGRAPH_CHARS = 4
"""A letter of Chinese, Japanese or Korean is a token or more: as much as four Latin ones."""

BORDERS = [
    re.compile(r"\n\s*\n\s*"),
    re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]+\s*"),  # noqa: RUF001
    re.compile(r"\n+"),
    re.compile(r"\s+"),
]
"""Where a text is cut best: between paragraphs, sentences, lines, words."""


def passages_of(text: str) -> list[str]:
    """In order, without the white space between them; at least one, and none else is empty."""
    count = passages_about(text)
    passages, start = [], 0
    for left in range(count, 1, -1):
        end = _border(text, start, (len(text) - start) / left)
        passages.append(text[start:end])
        start = end
    stripped = [passage.strip() for passage in [*passages, text[start:]]]
    return [passage for passage in stripped if passage] or [""]


def passages_about(text: str) -> int:
    """How many passages a text makes, as wide as a model finds it; seldom one less."""
    width = len(text)
    if not text.isascii():
        width += (IDEOGRAPH_CHARS - 1) * len(IDEOGRAPHIC.findall(text))
    if width <= PASSAGE_CHARS_MAX:
        return 1
    return min(-(-width // PASSAGE_CHARS), PASSAGES_MAX)


def _border(text: str, start: int, length: float) -> int:
    """The best place to cut near `start + length`, the nearest of the best."""
    ideal = start + round(length)
    low, high = ideal - int(LOOSE * length), ideal + int(LOOSE * length)
    for border in BORDERS:
        ends = [found.end() for found in border.finditer(text, low, high)]
        if ends:
            return min(ends, key=lambda end: abs(end - ideal))
    return ideal
