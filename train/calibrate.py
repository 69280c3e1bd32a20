"""From out-of-fold logits to temperature, beta and thresholds.

Knows logits and gold labels; knows neither how they came about nor any file.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from sklearn.metrics import f1_score

from newslean.calibration import Calibration, log_probabilities, probabilities
from newslean.errors import ModelError
from newslean.schema import Dimension, Labels, Schema
from newslean.tagger import Logits
from train.labels import AUTHORED_SOURCE, Example
from train.metrics import indicator

TEMPERATURES = (0.05, 20.0)
THRESHOLDS = np.round(np.arange(0.02, 0.91, 0.01), 2)
"""Low ones too: a rare label, or the likeliest of many, may never be likely."""
MIN_NATURAL = 1000
"""Sentences from which a temperature or a beta can be fitted."""
MIXES = np.round(np.arange(0.0, 1.01, 0.1), 1)
MIX_TOLERANCE = 0.01
"""Part of the least log loss by which that of a share may lie above it."""
PRIOR = np.array([1.0, 1.0, 1.0, 2.0])
"""Standard deviations of the normal priors of the logarithm of a temperature and of a beta's ln(a), ln(b) and c, so
that a few sentences, all of one kind or all answered rightly, do not drive them to infinity."""


def natural_rows(examples: Sequence[Example], schema: Schema) -> dict[str, NDArray[np.bool_]]:
    """Mark, per dimension, the examples whose labels are as frequent as in news; all, where those are too few.

    Sentences that a model picked and invented ones hold more of the rare labels.
    """
    natural = np.array([not e.picked and e.source != AUTHORED_SOURCE for e in examples], dtype=bool)
    result = {}
    for d in schema.dimensions:
        there = natural & np.array([d.name in e.labels for e in examples], dtype=bool)
        result[d.name] = there if there.sum() >= MIN_NATURAL else np.ones(len(examples), dtype=bool)
    return result


def choose_mix(finetuned: Logits, baseline: Logits, examples: Sequence[Example], schema: Schema) -> dict[str, float]:
    """Choose the share of the fine-tuned model's logits in each dimension: the largest that is as good as any.

    As good means a log loss, each share at its own best temperature of `TEMPERATURES`, within `MIX_TOLERANCE` of the
    least: it counts how likely the right labels are, not only which label is the likeliest, and moves less by chance
    than macro-F1 does. Of shares alike the fine-tuned model gets the larger one: n-grams cannot tell who is ahead of
    whom, which few sentences of a sample hang on and every reader sees. Invented sentences do not count where there are
    enough others: the encoder has read more of their kind.

    Parameters
    ----------
    finetuned, baseline : dict
        Dimension to array of shape (examples, labels), out of fold.

    Raises
    ------
    ModelError
        If logits are not finite, as of a network whose training ran away.
    """
    real = np.array([e.source != AUTHORED_SOURCE for e in examples], dtype=bool)
    mix = {}
    for d in schema.dimensions:
        there = np.array([d.name in e.labels for e in examples], dtype=bool)
        rows = np.flatnonzero(there & real if (there & real).sum() >= MIN_NATURAL else there).tolist()
        if not rows:
            mix[d.name] = 1.0
            continue
        truth = indicator(d, [examples[n].labels[d.name] for n in rows])
        left, right = (logits[d.name][rows].astype(np.float64) for logits in (finetuned, baseline))
        if not (np.isfinite(left).all() and np.isfinite(right).all()):
            raise ModelError(
                f"{d.name}: expected finite numbers as logits; found others. The training of one of the two models "
                "ran away: lower the learning rate."
            )
        losses = np.array([_best_temperature(d, share * left + (1 - share) * right, truth)[1] for share in MIXES])
        # A millionth more: where all is right, losses differ by how exactly the temperature was searched alone.
        good = MIXES[losses <= losses.min() * (1 + MIX_TOLERANCE) + 1e-6]
        mix[d.name] = float(good.max())
    return mix


def calibrate(
    logits: Logits, gold: Sequence[Labels], schema: Schema, *, natural: Mapping[str, NDArray[np.bool_]] | None = None
) -> Calibration:
    """Fit how logits become probabilities and labels.

    Temperature, and the beta of a neutral label, by the least log loss and a weak prior (Guo et al. 2017, Kull et al.
    2017, `PRIOR`); a threshold per ``multi`` label, and one for all but the neutral label of a ``single`` dimension, by
    the best (macro-)F1, smoothed over neighbouring values so that one lucky sentence does not decide.

    Parameters
    ----------
    logits : dict
        Dimension to array of shape (sentences, labels), out of fold: no sentence
        scored by a model that was trained on its article.
    gold : sequence of dict
        Labels of the same sentences; one that lacks a dimension is left out of it.
    natural : dict, optional
        Dimension to an array of bool, shape (sentences,): which ones the last number of a beta is fitted on, or the
        temperature where there is none, by default all. Where rare labels are more frequent than in what will be
        tagged, probabilities promise too much. Thresholds need many positives more than the right shares, and are
        fitted on all.
    """
    temperature, thresholds = dict[str, float](), dict[str, dict[str, float]]()
    beta: dict[str, tuple[float, ...]] = {}
    for d in schema.dimensions:
        rows = [n for n, labels in enumerate(gold) if d.name in labels]
        truth = indicator(d, [gold[n][d.name] for n in rows])
        scores = logits[d.name][rows].astype(np.float64)
        fitting = natural[d.name][rows] if natural is not None and natural[d.name][rows].any() else slice(None)
        if d.multi or d.neutral is None:
            temperature[d.name] = _temperature(d, scores[fitting], truth[fitting])
        else:
            temperature[d.name], beta[d.name] = _beta(d, scores, truth, fitting)
        fitted = Calibration(temperature=temperature, beta=beta)
        scaled = probabilities({d.name: scores.astype(np.float32)}, Schema((d,)), fitted)[d.name]
        if d.multi:
            thresholds[d.name] = {label: _threshold(scaled[:, k], truth[:, k]) for k, label in enumerate(d.labels)}
        elif d.neutral is not None:
            claims = [label for label in d.labels if label != d.neutral]
            thresholds[d.name] = dict.fromkeys(claims, _claim_threshold(d, scaled, truth))
    return Calibration(temperature, thresholds, beta=beta)


def hard_labels(d: Dimension, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Take labels at a probability of 0.5 (``multi``) or by the largest score, shape (sentences, labels)."""
    return logits > 0 if d.multi else np.eye(len(d.labels), dtype=bool)[logits.argmax(1)]


def mean_macro_f1(logits: Logits, examples: Sequence[Example], schema: Schema) -> float:
    """Mean over dimensions of macro-F1, labels taken at a probability of 0.5 or by the largest score."""
    scores = []
    for d in schema.dimensions:
        rows = [n for n, e in enumerate(examples) if d.name in e.labels]
        if not rows:
            continue
        gold = indicator(d, [examples[n].labels[d.name] for n in rows])
        guess = hard_labels(d, logits[d.name][rows])
        scores.append(_macro_f1(gold, guess))
    return float(np.mean(scores)) if scores else 0.0


def _macro_f1(gold: NDArray[np.bool_], guess: NDArray[np.bool_]) -> float:
    # Label by label: given one column, scikit-learn's macro-F1 would count the absence as a class too.
    return float(np.mean([f1_score(*pair, zero_division=0) for pair in zip(gold.T, guess.T, strict=True)]))


def _temperature(d: Dimension, scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    return _best_temperature(d, scores, truth, spread=PRIOR[0])[0] if len(scores) else 1.0


def _best_temperature(
    d: Dimension, scores: NDArray[np.float64], truth: NDArray[np.bool_], *, spread: float = np.inf
) -> tuple[float, float]:
    """Give the temperature of the least log loss, and that loss.

    Parameters
    ----------
    spread : float
        Standard deviation of a prior of its logarithm; by default none, so that scale does not count.
    """

    def loss(log_temperature: float) -> float:
        scaled = scores / np.exp(log_temperature)
        if d.multi:
            return float(np.logaddexp(0, np.where(truth, -scaled, scaled)).mean())
        top = scaled.max(axis=1, keepdims=True)
        return float((top[:, 0] + np.log(np.exp(scaled - top).sum(1)) - scaled[truth]).mean())

    def cost(log_temperature: float) -> float:
        return float(loss(log_temperature) + (log_temperature / spread) ** 2 / (2 * len(scores)))

    found = minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded").x
    return float(np.exp(found)), loss(found)


def _beta(
    d: Dimension, scores: NDArray[np.float64], truth: NDArray[np.bool_], natural: NDArray[np.bool_] | slice
) -> tuple[float, tuple[float, float, float]]:
    """Fit temperature and beta of a ``single`` dimension with a neutral label.

    How steep scores are shows where there are many labels of each kind, so on all sentences; how frequent the labels
    are, on natural ones alone.
    """
    if not len(scores):
        return 1.0, (1.0, 1.0, 0.0)
    neutral = d.labels.index(str(d.neutral))

    def loss(parameters: NDArray[np.float64], rows: NDArray[np.bool_] | slice) -> float:
        temperature, a, b = np.exp(parameters[:3])
        found = log_probabilities(scores[rows] / temperature, neutral, (a, b, parameters[3]))
        prior = np.square(parameters / PRIOR).sum() / (2 * len(found))
        return float(prior - found[truth[rows]].mean())

    start = [np.log(_temperature(d, scores, truth)), 0.0, 0.0, 0.0]
    bounds = [np.log(TEMPERATURES), *[(-3, 3)] * 2, (None, None)]
    steep = minimize(loss, start, args=(slice(None),), method="L-BFGS-B", bounds=bounds).x[:3]
    frequent = minimize_scalar(lambda c: loss(np.array([*steep, c]), natural)).x
    temperature, a, b = np.exp(steep).tolist()
    return temperature, (a, b, float(frequent))


def _threshold(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Best threshold of one label; 0.5 where there is nothing to learn from."""
    if not truth.any() or truth.all():
        return 0.5
    guess = scores[None, :] >= THRESHOLDS[:, None]
    hits = (guess & truth).sum(1)
    return _best(THRESHOLDS, 2 * hits / (guess.sum(1) + truth.sum()), prefer=0.5)


def _claim_threshold(d: Dimension, scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Best threshold for the likeliest label that is not the neutral one; 0.5 where there is nothing to learn from."""
    neutral = d.labels.index(str(d.neutral))
    if not len(truth) or truth[:, neutral].all():
        return 0.5
    gold, claims = truth.argmax(1), np.where(np.arange(len(d.labels)) == neutral, -1, scores)
    guess = np.where(claims.max(1) >= THRESHOLDS[:, None], claims.argmax(1), neutral)
    f1 = []
    for k in range(len(d.labels)):
        hits = ((guess == k) & (gold == k)).sum(1)
        f1.append(2 * hits / np.maximum((guess == k).sum(1) + (gold == k).sum(), 1))
    return _best(THRESHOLDS, np.mean(f1, axis=0), prefer=0.5)


def _best(values: NDArray[np.float64], f1: NDArray[np.float64], *, prefer: float) -> float:
    """Value with the highest F1 after a moving mean over 5; of equals the one nearest to ``prefer``."""
    padded = np.pad(f1, 2, mode="edge")
    smooth = np.round(np.convolve(padded, np.ones(5) / 5, mode="valid"), 6)
    candidates = values[smooth == smooth.max()]
    return float(candidates[np.abs(candidates - prefer).argmin()])
