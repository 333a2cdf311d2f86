"""Recalled memories as a text that is ready to be put into a prompt."""

from collections.abc import Iterable

from app.memory.types import Memory

CHARS_A_TOKEN = 4
"""An estimate: English has about four characters a token."""


def pack(memories: Iterable[Memory], token_budget: int) -> tuple[str, int]:
    """The best that fit into the budget, in order of time; and how many tokens that may be.

    `memories` come best first. One that does not fit is passed over; the very first is cut.
    """
    chosen: list[tuple[Memory, str]] = []
    left = token_budget * CHARS_A_TOKEN
    for memory in memories:
        line = _line(memory)
        if not chosen:
            line = _cut(line, left)
        if len(line) < left:
            chosen.append((memory, line))
            left -= len(line) + 1
    chosen.sort(key=lambda pair: (pair[0].occurred_at, pair[0].id))
    text = "\n".join(line for _, line in chosen)
    return text, tokens_in(text)


def tokens_in(text: str) -> int:
    return -(-len(text) // CHARS_A_TOKEN)


def _line(memory: Memory) -> str:
    """Dated, the speaker named, on one line: nothing in it can pass for a line of its own."""
    when = memory.occurred_at.strftime("%Y-%m-%d %H:%M")
    said = " ".join(memory.content.split())
    return f"[{when}] {memory.speaker}: {said}" if memory.speaker else f"[{when}] {said}"


def _cut(line: str, chars: int) -> str:
    return line if len(line) < chars else line[: max(chars - 2, 0)] + "…"
