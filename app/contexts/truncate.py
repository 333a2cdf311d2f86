"""Leaving out the oldest of a context until it fits."""

from collections.abc import Sequence

from app.contexts.shape import loose_parts
from app.engine.types import Item

OUTPUT_SHARE = 4
"""Of a window, a fourth at most is kept free for the answer."""


def room_for_input(window: int, output_tokens: int | None) -> int:
    """How many tokens of a window may be filled: the answer needs some too."""
    most = window // OUTPUT_SHARE
    return window - (most if output_tokens is None else min(output_tokens, most))


def truncated(items: Sequence[Item], weights: Sequence[float], budget: float) -> list[Item]:
    """Whole turns go, the oldest first; all that may go, where even then it is too much."""
    left = sum(weights)
    gone: set[int] = set()
    for part in loose_parts(items):
        if left <= budget:
            break
        gone.update(part)
        left -= sum(weights[place] for place in part)
    return [item for place, item in enumerate(items) if place not in gone]
