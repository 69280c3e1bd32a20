"""How good answers are, in numbers: F1, bootstrap intervals, calibration, selective prediction, kappa.

Knows arrays, and labels of one dimension at a time. Knows no file, no model and no report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from newslean.schema import Dimension

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Answer = str | list[str]

BINS = 15
"""Bins of a reliability diagram, as in Guo et al. (2017)."""

CONFIDENCES = (0.0, *(round(0.5 + 0.05 * step, 2) for step in range(10)))
"""Least confidences at which selective prediction is reported; 0 keeps everything."""


@dataclass(frozen=True)
class Counts:
    """What all F1 values follow from, per group or per replicate.

    Attributes
    ----------
    tp, fp, fn : array, shape (..., labels)
        True positives, false positives and false negatives of each label.
    exact, total : array, shape (...)
        Sentences answered without any fault, and all sentences.
    """

    tp: Floats
    fp: Floats
    fn: Floats
    exact: Floats
    total: Floats

    def weighted(self, weights: Floats) -> "Counts":
        """Add up the groups (first axis) with weights, shape (groups,) or (replicates, groups)."""
        return Counts(*(weights @ part for part in (self.tp, self.fp, self.fn, self.exact, self.total)))

    def f1(self) -> Floats:
        """F1 of each label, shape (..., labels); 0 for a label that neither gold nor answers have."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def macro_f1(self) -> Floats:
        """Mean of the labels' F1, shape (...)."""
        return np.asarray(self.f1().mean(axis=-1))

    def micro_f1(self) -> Floats:
        """F1 of all labels' counts together, shape (...)."""
        tp, wrong = self.tp.sum(axis=-1), (self.fp + self.fn).sum(axis=-1)
        return ratio(2 * tp, 2 * tp + wrong)

    def exact_share(self) -> Floats:
        """Share of sentences without any fault: accuracy (``single``) or exact match (``multi``)."""
        return ratio(self.exact, self.total)


def ratio(part: Floats, whole: Floats) -> Floats:
    """``part / whole``, and 0 where ``whole`` is 0 (scikit-learn's ``zero_division=0``)."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def indicator(dimension: Dimension, values: Sequence[Answer]) -> Flags:
    """Turn labels into a table of yes and no, shape (sentences, labels)."""
    index = {label: n for n, label in enumerate(dimension.labels)}
    table = np.zeros((len(values), len(index)), dtype=bool)
    for row, value in zip(table, values, strict=True):
        row[[index[label] for label in ([value] if isinstance(value, str) else value)]] = True
    return table


def count(gold: Flags, predicted: Flags, groups: Sequence[str] | NDArray[np.str_]) -> Counts:
    """Count hits and faults per group, groups in sorted order.

    Parameters
    ----------
    gold, predicted : array of bool, shape (sentences, labels)
    groups : sequence of str, length sentences
    """
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)

    def add(flags: Flags) -> Floats:
        sums = np.zeros((len(names), *flags.shape[1:]))
        np.add.at(sums, index, flags)
        return sums

    exact = (gold == predicted).all(axis=1)
    return Counts(add(gold & predicted), add(~gold & predicted), add(gold & ~predicted), add(exact), add(exact | True))


def reliability(confidence: Floats, correct: Flags, *, bins: int = BINS) -> dict[str, Any]:
    """Compare stated confidence with how often it was right.

    Parameters
    ----------
    confidence : array of float in 0..1, shape (answers,)
    correct : array of bool, shape (answers,)

    Returns
    -------
    dict
        ``ece``: expected calibration error over bins of equal width, closed on the right
        (Guo et al. 2017, arXiv 1706.04599). ``adaptive_ece``: the same over bins of about equal
        mass (Nguyen and O'Connor 2015, arXiv 1508.05154); answers of equal confidence share a bin.
        ``bins``: the bins of equal width that hold anything: ``low, high, n, confidence, accuracy``.
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    edges = np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1])
    rows = [
        {"low": b / bins, "high": (b + 1) / bins, "n": n, "confidence": stated, "accuracy": right}
        for b, n, stated, right in _bin_means(confidence, correct, place)
    ]
    masses = _bin_means(confidence, correct, np.searchsorted(edges, confidence))
    return {
        "ece": sum(row["n"] * abs(row["accuracy"] - row["confidence"]) for row in rows) / len(confidence),
        "adaptive_ece": sum(n * abs(right - stated) for _, n, stated, right in masses) / len(confidence),
        "bins": rows,
    }


def _bin_means(confidence: Floats, correct: Flags, place: NDArray[np.intp]) -> list[tuple[int, int, float, float]]:
    """Give number, size, mean confidence and share of correct answers of each bin that holds anything."""
    sizes = np.bincount(place)
    used = np.flatnonzero(sizes)
    stated = np.bincount(place, weights=confidence)[used] / sizes[used]
    right = np.bincount(place, weights=correct)[used] / sizes[used]
    return list(zip(used.tolist(), sizes[used].tolist(), stated.tolist(), right.tolist(), strict=True))


def brier_score(gold: Flags, probabilities: Floats) -> float:
    """Mean over sentences of the squared errors' sum over labels (Brier 1950): 0..2 for one-hot gold."""
    return float(((probabilities - gold) ** 2).sum(axis=1).mean())


def log_loss(chosen: Floats) -> float:
    """Mean of minus the natural logarithm of what was given to the true answer; kept finite as scikit-learn does."""
    return float(-np.log(np.clip(chosen, np.finfo(float).eps, 1)).mean())


def selective(
    *, confidence: Floats, correct: Flags, claim: Flags, gold_claims: int, least: Sequence[float] = CONFIDENCES
) -> list[dict[str, float | None]]:
    """Show what is gained, and lost, when only confident answers are kept.

    Parameters
    ----------
    confidence : array of float, shape (sentences,)
        Probability of the answer that was given.
    correct, claim : array of bool, shape (sentences,)
        Whether the answer is right, and whether it is another than the neutral one.
    gold_claims : int
        Sentences whose gold label is not the neutral one.

    Returns
    -------
    list of dict
        Per least confidence: ``coverage`` and ``precision`` of the kept answers; of the kept claims
        their number ``claims``, ``claim_precision``, ``claim_coverage`` (of the claims made) and
        ``claim_recall`` (of the gold claims). None where there is nothing to divide by.
    """
    rows: list[dict[str, float | None]] = []
    for minimum in least:
        kept = confidence >= minimum
        claims, hits = int((kept & claim).sum()), int((kept & claim & correct).sum())
        rows.append(
            {
                "min_confidence": minimum,
                "coverage": float(kept.mean()),
                "precision": float(correct[kept].mean()) if kept.any() else None,
                "claims": claims,
                "claim_precision": hits / claims if claims else None,
                "claim_coverage": claims / int(claim.sum()) if claim.any() else None,
                "claim_recall": hits / gold_claims if gold_claims else None,
            }
        )
    return rows


def kappa(dimension: Dimension, first: Sequence[Answer], second: Sequence[Answer]) -> dict[str, Any]:
    """Cohen's kappa of two coders: agreement beyond chance.

    Returns
    -------
    dict
        ``kappa``: for ``multi`` the mean over the labels that have one. ``labels``: for ``multi``
        the kappa of each label. None where both coders gave one and the same answer throughout:
        chance then explains all, and kappa is 0/0.
    """
    if not dimension.multi:
        return {"kappa": _kappa(first, second), "labels": {}}
    columns = zip(indicator(dimension, first).T, indicator(dimension, second).T, strict=True)
    labels = {label: _kappa(a.tolist(), b.tolist()) for label, (a, b) in zip(dimension.labels, columns, strict=True)}
    known = [value for value in labels.values() if value is not None]
    return {"kappa": sum(known) / len(known) if known else None, "labels": labels}


def _kappa(first: Sequence[Any], second: Sequence[Any]) -> float | None:
    return float(cohen_kappa_score(first, second)) if len({*first, *second}) > 1 else None
