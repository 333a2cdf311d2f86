"""The weights of features, and how sure one may be that anything fits.

The points of a candidate are a weighted sum of its features. The weights are those of a listwise
softmax (Cao and others, "Learning to Rank: From Pairwise Approach to Listwise Approach", 2007),
fitted by `tests/bench/tune.py` on two sets of conversations at once. exp(points) are then the odds
of one candidate against another.
"""

import math

import numpy as np

from app.recall.features import Question, said_then
from app.recall.pool import Floats, Pool

WEIGHTS = {
    "window_words": 0.47,
    "known_terms": 1.55,
    "first": 0.55,
    "own": 0.15,
    "window": 0.34,
    "feedback": 0.13,
    "speaker": 1.07,
    "assistant": -2.0,
    "asks": -1.07,
    "answers": 2.45,
    "stretch": 1.2,
    "time": 1.25,
    "said_then": 3.2,
    "instruction": 1.8,
    "preference": 0.7,
}

CONFIDENCE = {"bias": -11.2, "window": 18.3, "covered": 5.0}
"""Of the logarithm of the odds that the query is answered by what is remembered."""

CONFIDENCE_BY_WORDS = {"bias": -3.36, "covered": 6.91}
"""The same where there are no vectors."""

CONFIDENCE_BY_TIME = 0.9
"""Where nothing but a time is asked for, and something was said then."""

FITS_MIN = 0.28
"""Below this confidence nothing is put into a prompt of its own accord."""

BEHIND_MAX = 5.0
"""Nor is what is so many points behind the best: its odds are less than a hundredth of
the best's."""

LOGIT_MAX = 20.0


def weighed(columns: dict[str, Floats]) -> dict[str, Floats]:
    """The points that each feature gives."""
    return {name: WEIGHTS[name] * column for name, column in columns.items()}


def confidence(pool: Pool, question: Question) -> float:
    """The probability that something in the pool, which is not empty, fits the query.

    What has no vector yet, or all while there is no embedder, is judged by its words alone; and
    where nothing is asked for but a time, all by whether there is anything of that time.
    """
    if question.anything:
        return CONFIDENCE_BY_TIME * float(said_then(pool, question).max())
    unseen = np.isnan(pool.whole)
    sure = []
    if not unseen.all():
        sure.append(_logistic(CONFIDENCE, evidence(pool)))
    if unseen.any():
        covered = float(pool.covered()[unseen].max())
        sure.append(_logistic(CONFIDENCE_BY_WORDS, {"covered": covered}))
    return max(sure)


def evidence(pool: Pool) -> dict[str, float]:
    """The best of each sign, by itself: among bad ones, too, some are better than the rest.

    The nearest window, and the share of the query's words, weighed by what they tell, that one
    memory has.
    """
    return {
        "window": float(np.nan_to_num(pool.whole).max()),
        "covered": float(pool.covered().max()),
    }


def _logistic(weights: dict[str, float], signs: dict[str, float]) -> float:
    logit = weights["bias"] + sum(weights[name] * value for name, value in signs.items())
    return 1 / (1 + math.exp(-max(-LOGIT_MAX, min(logit, LOGIT_MAX))))
