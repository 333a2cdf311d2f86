"""The weights of features, and how sure one may be that anything fits.

The points of a candidate are a weighted sum of its features. The weights are those of a listwise
softmax (Cao and others, "Learning to Rank: From Pairwise Approach to Listwise Approach", 2007),
fitted by `tests/bench/tune.py` on two sets of conversations at once. exp(points) are then the odds
of one candidate against another.
"""

import math

import numpy as np

from app.recall.features import terms_share
from app.recall.pool import Floats, Pool

WEIGHTS = {
    "window_words": 0.48,
    "known_terms": 1.67,
    "first": 0.66,
    "own": 0.0,
    "window": 0.36,
    "feedback": 0.09,
    "speaker": 1.08,
    "assistant": -2.1,
    "asks": -1.07,
    "answers": 2.5,
    "stretch": 1.35,
    "time": 1.2,
    "said_then": 1.0,
    "instruction": 0.5,
    "preference": 0.5,
}

CONFIDENCE = {"bias": -10.1, "window": 17.5, "known": 1.5, "covered": 2.3}
"""Of the logarithm of the odds that the query is answered by what is remembered."""

FITS_MIN = 0.35
"""Below this confidence nothing is put into a prompt of its own accord."""

LOGIT_MAX = 20.0


def weighed(columns: dict[str, Floats]) -> dict[str, Floats]:
    """The points that each feature gives."""
    return {name: WEIGHTS[name] * column for name, column in columns.items()}


def confidence(pool: Pool) -> float:
    """The probability that something in the pool, which is not empty, fits the query."""
    signs = evidence(pool)
    logit = CONFIDENCE["bias"] + sum(CONFIDENCE[name] * value for name, value in signs.items())
    return 1 / (1 + math.exp(-max(-LOGIT_MAX, min(logit, LOGIT_MAX))))


def evidence(pool: Pool) -> dict[str, float]:
    """The best of each sign, by itself: among bad ones, too, some are better than the rest.

    The nearest window; the share of the query's terms that anyone here has used, and the share
    that one memory has, weighed by rarity.
    """
    return {
        "window": float(np.nan_to_num(pool.whole).max()),
        "known": pool.terms.known,
        "covered": pool.terms.known * float(terms_share(pool).max()),
    }
