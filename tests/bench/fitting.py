"""Fitting the weights of recall: a listwise softmax for the ranking, a logistic for abstention."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]  # scipy has no types

Floats = NDArray[np.float64]

L2 = 1e-3
LEFT_OUT = -1e9


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A question: features of its candidates (candidates, features), the rows of its evidence."""

    dataset: str
    conversation: str
    category: str
    columns: Floats
    evidence: list[int]
    wanted: int
    """How many turns of evidence there are, found or not."""


def fit_ranking(samples: Sequence[Sample]) -> Floats:
    """Weights by which evidence has the highest share of exp(points); the data sets count alike."""
    columns, gone, share = _padded(samples)
    weight = _weights_of(samples)

    def loss(weights: Floats) -> tuple[float, Floats]:
        points = columns @ weights + gone
        points -= points.max(axis=1, keepdims=True)
        odds = np.exp(points)
        softmax = odds / odds.sum(axis=1, keepdims=True)
        logs = points - np.log(odds.sum(axis=1, keepdims=True))
        pull = (softmax * share.sum(axis=1, keepdims=True) - share) * weight[:, None]
        gradient = np.einsum("qc,qcf->f", pull, columns) + 2 * L2 * weights
        return float(
            -(weight * (share * logs).sum(axis=1)).sum() + L2 * weights @ weights
        ), gradient

    return _minimum(loss, columns.shape[2])


def fit_logistic(signs: Floats, answered: Floats) -> Floats:
    """Weights of the columns of `signs` (one of them all ones), both outcomes counting alike."""
    weight = np.where(answered > 0, 0.5 / answered.sum(), 0.5 / (1 - answered).sum())

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits = signs @ weights
        probability = 1 / (1 + np.exp(-logits))
        logs = np.logaddexp(0, np.where(answered > 0, -logits, logits))
        gradient = signs.T @ (weight * (probability - answered))
        return float((weight * logs).sum()), gradient

    return _minimum(loss, signs.shape[1])


def coverage(sample: Sample, weights: Floats, k: int) -> float:
    """The share of the evidence among the first k."""
    best = np.argsort(-(sample.columns @ weights), kind="stable")[:k]
    return len(set(best.tolist()) & set(sample.evidence)) / sample.wanted


def _minimum(loss: Callable[[Floats], tuple[float, Floats]], size: int) -> Floats:
    found: Floats = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B").x
    return found


def _padded(samples: Sequence[Sample]) -> tuple[Floats, Floats, Floats]:
    """All questions in one array; what is not there has no odds."""
    most = max(len(sample.columns) for sample in samples)
    columns = np.zeros((len(samples), most, samples[0].columns.shape[1]))
    gone = np.full((len(samples), most), LEFT_OUT)
    share = np.zeros((len(samples), most))
    for row, sample in enumerate(samples):
        columns[row, : len(sample.columns)] = sample.columns
        gone[row, : len(sample.columns)] = 0
        share[row, sample.evidence] = 1 / sample.wanted
    return columns, gone, share


def _weights_of(samples: Sequence[Sample]) -> Floats:
    names = [sample.dataset for sample in samples]
    return np.array([1 / names.count(name) for name in names]) / len(set(names))
