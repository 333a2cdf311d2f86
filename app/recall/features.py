"""What tells in favour of a candidate, as numbers: one column a feature, one row a candidate.

Pure functions of the pool. Words are BM25 (Robertson and Zaragoza, "The Probabilistic Relevance
Framework: BM25 and Beyond", 2009), also over the window of a memory, to which the memories beside
it lend a part of their words, as fields of BM25F lend theirs.
"""

from datetime import timedelta

import msgspec
import numpy as np

from app.recall.pool import Flags, Floats, Pool, Window
from app.recall.rank import K1, B

WINDOW_K1 = 2.0
WINDOW_B = 0.75
WINDOW_LENT = {1: 1.0, 2: 0.5}
"""By how many places apart: the part of the words that is lent."""

FIRST_GUESS = {"first": 2.5, "window": 1.5}
"""Of cosines, against 1 for each share of words: from which the best of a stretch is found."""

FEEDBACK_FROM = 5
"""The best by the first guess, whose mean vector is a second query."""

SPREAD_MIN = 0.02
"""Differences smaller than this between candidates are no differences."""

BELOW_MAX = 2.0
"""Standard deviations: where the rest are all alike, one that differs is not hopeless."""


SOON_AFTER = 0.5
DATED_MIN = 0.5
SOON_MIN, SOON_MAX = timedelta(days=1), timedelta(days=7)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the query itself."""

    when: bool = False
    """It asks for a time."""
    named: tuple[str, ...] = ()
    """Speakers that it names."""
    windows: tuple[Window, ...] = ()
    """Times that it names."""
    anything: bool = False
    """It asks for no more than what was said in these times."""


def features(pool: Pool, question: Question) -> dict[str, Floats]:
    """Each an array of len(pool). Words and vectors are seen against the whole pool: see `_z`."""
    windowed, share = window_share(pool), words_share(pool)
    asked_before = pool.of_beside(pool.asks.astype(float), -1)
    guess = first_guess(pool)
    return {
        "window_words": _z(windowed),
        "known_terms": terms_share(pool),
        "first": _z(pool.first),
        "own": _z(pool.own),
        "window": _z(pool.whole),
        "feedback": _z(pool.feedback),
        "speaker": _flag(pool.said_by(question.named)),
        "assistant": _flag(pool.said_by(("assistant",))),
        "asks": _flag(pool.asks),
        "answers": asked_before * pool.of_beside(share, -1),
        "stretch": best_of_stretch(pool, guess),
        "time": _flag(pool.tells_time) * float(question.when),
        "said_then": said_then(pool, question),
        "instruction": _flag(pool.of_standing("instruction")),
        "preference": _flag(pool.of_standing("preference")),
    }


def said_then(pool: Pool, question: Question) -> Floats:
    """Said in a time that the question names, or, since much is told a little later, in part soon
    after it; or in what share of its words, if most, it tells that date. By those who are named,
    where that is all that is asked for."""
    windows = question.windows
    soon = [after for window in windows if (after := _soon_after(window))]
    said = np.maximum(_flag(pool.within(windows)), SOON_AFTER * _flag(pool.within(soon)))
    told = np.maximum(said, np.where(pool.dated > DATED_MIN, pool.dated, 0.0))
    alone = question.anything and question.named
    return told * _flag(pool.said_by(question.named)) if alone else told


def _soon_after(window: Window) -> Window | None:
    """As long again, a day at least and a week at most."""
    since, until = window
    if until is None:
        return None
    length = until - since if since else SOON_MAX
    try:
        return until, until + min(max(length, SOON_MIN), SOON_MAX)
    except OverflowError:
        return None


def first_guess(pool: Pool) -> Floats:
    """Good enough to find what else should be looked at."""
    guess = terms_share(pool) + window_share(pool)
    guess += FIRST_GUESS["first"] * np.nan_to_num(pool.first)
    guess += FIRST_GUESS["window"] * np.nan_to_num(pool.window)
    return guess


def words_share(pool: Pool) -> Floats:
    """BM25, as a share of the most that the terms could give."""
    weights, ideal = np.array(pool.terms.weights), pool.terms.ideal
    if not ideal:
        return np.zeros(len(pool))
    found = pool.frequencies
    length = K1 * (1 - B + B * pool.words / pool.terms.words_mean)
    share: Floats = weights @ (found / (found + length)) / ideal
    return share


def window_share(pool: Pool) -> Floats:
    """The same over the window: `words` of it are those of all that lend, in their part."""
    idfs = _idfs(pool)
    if not idfs.sum():
        return np.zeros(len(pool))
    found, words = pool.frequencies.copy(), pool.words.copy()
    for distance, part in WINDOW_LENT.items():
        for place in (-distance, distance):
            found += part * pool.of_beside(pool.frequencies, place)
            words += part * pool.of_beside(pool.words, place)
    length = WINDOW_K1 * (1 - WINDOW_B + WINDOW_B * words / max(words.mean(), 1.0))
    share: Floats = idfs @ (found / (found + length)) / idfs.sum()
    return share


def terms_share(pool: Pool) -> Floats:
    """How much of the query's terms a candidate has at all, weighed by rarity."""
    idfs = _idfs(pool)
    if not idfs.sum():
        return np.zeros(len(pool))
    share: Floats = idfs @ (pool.frequencies > 0) / idfs.sum()
    return share


def best_of_stretch(pool: Pool, guess: Floats) -> Floats:
    """A stretch that has something good is a good stretch."""
    best = np.zeros(pool.stretches.max(initial=-1) + 1)
    np.maximum.at(best, pool.stretches, guess)
    return best[pool.stretches]


def _idfs(pool: Pool) -> Floats:
    return np.array(pool.terms.weights) / (K1 + 1)


def _z(values: Floats) -> Floats:
    """How far above the pool's mean, in its standard deviations; 0 where nothing is known."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros_like(values)
    middle, spread = values[known].mean(), values[known].std()
    return np.where(known, np.maximum((values - middle) / (spread + SPREAD_MIN), -BELOW_MAX), 0.0)


def _flag(flags: Flags) -> Floats:
    return flags.astype(np.float64)
