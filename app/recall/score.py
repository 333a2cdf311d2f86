"""The weights of features, and how sure one may be that anything fits.

The points of a candidate are a weighted sum of its features. The weights are those of a listwise
softmax (Cao and others, "Learning to Rank: From Pairwise Approach to Listwise Approach", 2007),
fitted by `tests/bench/tune.py` on two sets of conversations at once. exp(points) are then the odds
of one candidate against another.
"""

import math

import numpy as np

from app.recall.features import terms_share, words_share
from app.recall.pool import Floats, Pool

WEIGHTS = {
    "words": 0.0,
    "window_words": 0.9,
    "known_terms": 1.3,
    "first": 0.5,
    "own": 0.1,
    "window": 0.4,
    "feedback": 0.3,
    "speaker": 0.7,
    "assistant": -1.0,
    "asks": -0.6,
    "answers": 1.0,
    "stretch": 0.6,
    "time": 0.6,
}

CONFIDENCE = {"bias": -5.0, "own": 6.0, "window": 4.0, "words": 2.0, "known_terms": 1.0}
"""Of the logarithm of the odds that the query is answered by what is remembered."""

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
    """The best of each sign, by itself: another query's best would be as far above the rest."""
    return {
        "own": float(np.nan_to_num(pool.own).max()),
        "window": float(np.nan_to_num(pool.window).max()),
        "words": float(words_share(pool).max()),
        "known_terms": float(terms_share(pool).max()),
    }
