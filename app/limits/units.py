"""Counters hold whole numbers; of money, billionths of a dollar."""

import math

from app.web.limits import Measure

USD = 10**9


def counted(measure: Measure, amount: float) -> int:
    """Rounded to a billionth of a dollar, and up to the next one."""
    return math.ceil(round(amount * USD, 3)) if measure == "usd" else int(amount)


def shown(measure: Measure, amount: int) -> float:
    return amount / USD if measure == "usd" else amount
