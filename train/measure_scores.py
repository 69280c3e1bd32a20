"""How far probabilities can be trusted in one dimension of a report: calibration, and what confident answers are worth.

Knows arrays and the articles of sentences. Writes nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from newslean.schema import Dimension
from train import bootstrap, metrics
from train.metrics import Flags, Floats
from train.shift import sums_by_article

Report = dict[str, Any]


def measure_scores(
    dimension: Dimension,
    gold: Flags,
    predicted: Flags,
    scores: Floats,
    groups: NDArray[np.str_],
    weights: Floats | None,
) -> Report:
    """Judge probabilities: of the answers given (``single``), or of each label by itself (``multi``).

    Parameters
    ----------
    gold, predicted, scores : array, shape (sentences, labels)
    groups : array of str, shape (sentences,)
        The article of each.
    weights : array, shape (replicates, articles), optional
        Of `bootstrap.resampling_weights`; None where there are no intervals.

    Returns
    -------
    dict
        ``calibration``, with the mean ``confidence`` in what was answered, yes and no by label in a ``multi``
        dimension; and ``selective``.
    """
    if dimension.multi:
        return {"calibration": _calibration_by_label(dimension, gold, scores, groups, weights), "selective": []}
    correct: Flags = np.asarray((gold & predicted).any(axis=1))
    confidence = scores[predicted]
    speaks = np.array([label != dimension.neutral for label in dimension.labels])
    claim, gold_claims = (predicted & speaks).any(axis=1), int((gold & speaks).sum())
    kept = metrics.selective(confidence=confidence, correct=correct, claim=claim, gold_claims=gold_claims)
    bounds = _selective_intervals(confidence, correct, claim, groups, weights)
    return {
        "calibration": {
            **metrics.reliability(confidence, correct),
            "ece_interval": None if weights is None else bootstrap.interval(_ece(confidence, correct, groups, weights)),
            "confidence": confidence.mean(),
            "brier": metrics.brier_score(gold, scores),
            "log_loss": metrics.log_loss(scores[gold]),
        },
        "selective": [row | found for row, found in zip(kept, bounds, strict=True)],
    }


def _calibration_by_label(
    d: Dimension, gold: Flags, scores: Floats, groups: NDArray[np.str_], weights: Floats | None
) -> Report:
    labels = {}
    for label, truth, score in zip(d.labels, gold.T, scores.T, strict=True):
        brier = metrics.brier_score(truth[:, None], score[:, None])
        loss = metrics.log_loss(np.where(truth, score, 1 - score))
        labels[label] = {**metrics.reliability(score, truth), "brier": brier, "log_loss": loss}
    means = {
        key: np.mean([row[key] for row in labels.values()]) for key in ("ece", "adaptive_ece", "brier", "log_loss")
    }
    pairs = zip(gold.T, scores.T, strict=True)
    drawn = None if weights is None else np.mean([_ece(s, truth, groups, weights) for truth, s in pairs], axis=0)
    return {
        **means,
        "ece_interval": None if drawn is None else bootstrap.interval(drawn),
        "confidence": np.maximum(scores, 1 - scores).mean(),
        "bins": metrics.reliability(scores.ravel(), gold.ravel())["bins"],
        "labels": labels,
    }


def _ece(confidence: Floats, correct: Flags, groups: NDArray[np.str_], weights: Floats) -> Floats:
    """Give the ECE of `metrics.reliability` in each replicate."""
    place = np.clip(np.ceil(confidence * metrics.BINS).astype(int) - 1, 0, metrics.BINS - 1)
    gaps = np.zeros((len(place), metrics.BINS))
    gaps[np.arange(len(place)), place] = correct - confidence
    sizes = weights @ sums_by_article(np.ones(len(place)), groups)
    return np.asarray(np.abs(weights @ sums_by_article(gaps, groups)).sum(axis=1) / sizes)


def _selective_intervals(
    confidence: Floats, correct: Flags, claim: Flags, groups: NDArray[np.str_], weights: Floats | None
) -> list[Report]:
    """Give the intervals of ``precision`` and ``claim_precision`` for each row of `metrics.selective`."""
    kept = confidence[:, None] >= np.array(metrics.CONFIDENCES)
    parts = {"precision": kept, "claim_precision": kept & claim[:, None]}
    found: list[Report] = [{} for _ in metrics.CONFIDENCES]
    for name, part in parts.items():
        counted = (part & correct[:, None], part)
        sums = (
            None if weights is None else [weights @ sums_by_article(flags.astype(float), groups) for flags in counted]
        )
        for n, row in enumerate(found):
            row[f"{name}_interval"] = None if sums is None else _share_interval(sums[0][:, n], sums[1][:, n])
    return found


def _share_interval(right: Floats, total: Floats) -> list[float] | None:
    """Give the interval of a share over the replicates that hold anything to divide by."""
    there = total > 0
    return bootstrap.interval(right[there] / total[there]) if there.any() else None
