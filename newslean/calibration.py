"""How a model's logits become probabilities and labels.

Knows a label set and the numbers that were fitted for it; knows no model.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newslean.schema import Dimension, Schema


@dataclass(frozen=True, slots=True)
class Calibration:
    """How logits become probabilities and labels.

    Attributes
    ----------
    temperature : dict
        Dimension to the number that its logits are divided by.
    thresholds : dict
        Dimension to label to the probability from which the label is given: every label of a ``multi`` dimension; of a
        ``single`` one that has a neutral label all but that. A ``single`` dimension without any gives the likeliest.
    min_confidence : dict
        ``single`` dimension to the probability below which the neutral label, if it has one, is given instead.
    beta : dict
        ``single`` dimension to the three numbers by which the probability of its neutral label is calibrated once more
        (see `log_probabilities`).
    """

    temperature: dict[str, float] = field(default_factory=dict)
    thresholds: dict[str, dict[str, float]] = field(default_factory=dict)
    min_confidence: dict[str, float] = field(default_factory=dict)
    beta: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def fault(self, schema: Schema) -> str:
        """Say what was to be expected where a number cannot be; "" if all can."""
        single = [d for d in schema.dimensions if not d.multi]
        if any(not (math.isfinite(t) and t > 0) for t in self.temperature.values()):
            return "positive temperatures"
        betas = self.beta.values()
        if not all(len(beta) == 3 and all(map(math.isfinite, beta)) and min(beta[:2]) >= 0 for beta in betas):
            return "a beta to be three finite numbers, the first two no less than 0"
        claims = {*self.beta, *({d.name for d in single} & self.thresholds.keys())}
        if not claims <= {d.name for d in single if d.neutral is not None}:
            return "a beta, and thresholds of a single dimension, only where it has a neutral label"
        limits = [*self.min_confidence.values(), *(t for d in self.thresholds.values() for t in d.values())]
        return "" if all(0 <= limit <= 1 for limit in limits) else "thresholds and min_confidence from 0 to 1"


def calibration_from(data: Mapping[str, Any], schema: Schema) -> Calibration:
    """Read what a manifest says; formats before 4 know no beta, and no thresholds of ``single`` dimensions.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError, OverflowError
        If a value is missing or not of its kind.
    """
    later = data["format"] >= 4
    return Calibration(
        {d.name: float(data["temperature"][d.name]) for d in schema.dimensions},
        {
            d.name: {label: float(data["thresholds"][d.name][label]) for label in d.labels if label != d.neutral}
            for d in schema.dimensions
            if d.multi or (later and d.name in dict(data["thresholds"]))
        },
        {d.name: float(data.get("min_confidence", {}).get(d.name, 0.0)) for d in schema.dimensions if not d.multi},
        {d: tuple(map(float, beta)) for d, beta in data.get("beta", {}).items()} if later else {},
    )


def probabilities(
    logits: Mapping[str, NDArray[np.float32]], schema: Schema, calibration: Calibration
) -> dict[str, NDArray[np.float32]]:
    """Calibrate logits: divide by the dimension's temperature, then softmax (``single``) or sigmoid (``multi``).

    Temperature scaling is from Guo et al. (2017), "On Calibration of Modern Neural Networks".
    """
    result = {}
    for d in schema.dimensions:
        scaled = logits[d.name].astype(np.float64) / calibration.temperature[d.name]
        if d.multi:
            result[d.name] = (0.5 * (1 + np.tanh(scaled / 2))).astype(np.float32)  # a sigmoid that cannot overflow
        else:
            neutral = None if d.neutral is None else d.labels.index(d.neutral)
            result[d.name] = np.exp(log_probabilities(scaled, neutral, calibration.beta.get(d.name))).astype(np.float32)
    return result


def log_probabilities(
    scaled: NDArray[np.float64], neutral: int | None = None, beta: Sequence[float] | None = None
) -> NDArray[np.float64]:
    """Give the logarithms of the probabilities of a ``single`` dimension's labels.

    Parameters
    ----------
    scaled : array of float64, shape (sentences, labels)
        Logits, divided by the temperature.
    neutral : int, optional
        Column of the neutral label.
    beta : three numbers, optional
        a, b and c: where the softmax gives the neutral label the probability p, its log odds are a ln(p) - b ln(1 - p)
        + c; the other labels share the rest as before. So it may be steeper towards one end than towards the other, and
        makes up for labels that were more frequent, or weighed more, in training than they are in news. Beta
        calibration is from Kull et al. (2017), "Beyond sigmoids".
    """
    if neutral is None or beta is None:
        return scaled - _log_sum(scaled)[:, None]
    a, b, c = beta
    others = np.delete(scaled, neutral, axis=1)
    rest = _log_sum(others)
    whole = np.logaddexp(rest, scaled[:, neutral])
    odds = a * (scaled[:, neutral] - whole) - b * (rest - whole) + c
    shared = others - rest[:, None] - np.logaddexp(0, odds)[:, None]
    return np.insert(shared, neutral, -np.logaddexp(0, -odds), axis=1)


def _log_sum(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    top = scaled.max(axis=1, keepdims=True)
    return np.asarray(top[:, 0] + np.log(np.exp(scaled - top).sum(axis=1)))


def decide(d: Dimension, scores: dict[str, float], calibration: Calibration) -> str | list[str]:
    """Choose the labels of one sentence in one dimension from its probabilities.

    ``multi``: every label that reaches its threshold. ``single``: with thresholds the most probable of the labels that
    reach theirs, or else the neutral one; without, the most probable label. Where a choice is less probable than
    ``min_confidence``, the neutral label, if there is one, takes its place.
    """
    if d.multi:
        return [label for label in d.labels if scores[label] >= calibration.thresholds[d.name][label]]
    choice: Sequence[str] = d.labels
    if limits := calibration.thresholds.get(d.name):
        # A rare label is seldom the likeliest, even where it is due: it would be found too seldom.
        choice = [label for label in limits if scores[label] >= limits[label]] or [str(d.neutral)]
    best = max(choice, key=lambda label: scores[label])
    sure = scores[best] >= calibration.min_confidence.get(d.name, 0.0)  # not so where scores are no numbers
    return best if sure or d.neutral is None else d.neutral
