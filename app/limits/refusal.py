"""How a call is refused for what it may spend: as OpenAI says it."""

import math

from app.errors import (
    QuotaExceeded,
    RequestsPerMinuteExceeded,
    TokensPerMinuteExceeded,
    TooManyRequests,
)
from app.limits.types import NOBODY, Line
from app.limits.units import shown
from app.web.limits import Measure

PER_MINUTE: dict[Measure, type[TooManyRequests]] = {
    "requests": RequestsPerMinuteExceeded,
    "tokens": TokensPerMinuteExceeded,
}
"""Limits of a rate; all others are budgets."""


def refusal(line: Line, left: int, seconds: float) -> TooManyRequests:
    """What does not fit into a whole window is not to be tried again."""
    measure, span = line.counter.measure, line.counter.span
    whose = "user" if line.counter.key_id == NOBODY else "API key"
    limit = f"{_amount(measure, line.most)} a {span}"
    kind = PER_MINUTE.get(measure, QuotaExceeded) if span == "minute" else QuotaExceeded
    if not line.most:
        return kind(f"The limit of this {whose} is {limit}: nothing may be spent.")
    if line.need > line.most:
        return kind(
            f"Request too large for the limit of this {whose}, {limit}: "
            f"{_amount(measure, line.need)} may be needed. Ask for less."
        )
    after = max(1, math.ceil(seconds))
    return kind(
        f"The limit of this {whose} is reached: {limit}, left {_amount(measure, left)}, needed "
        f"{_amount(measure, line.need)}. It begins anew in {duration(after)}.",
        headers={"Retry-After": str(after)},
    )


def duration(seconds: float) -> str:
    """As OpenAI writes one: `6m0s`, `1.2s`, `20ms`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < 60:
        return f"{math.ceil(seconds * 10) / 10:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"


def _amount(measure: Measure, amount: int) -> str:
    if measure == "usd":
        return f"${shown(measure, amount):.6f}".rstrip("0").rstrip(".")
    return f"{amount} {measure}"
