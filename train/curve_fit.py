"""A power law through measured F1 values, and what it promises.

Knows points of a learning curve, not where they come from. Error falls with the
number of labels as a + b n^-c (Cortes et al. 1993; Hestness et al. 2017, arXiv
1712.00409).
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit

from newslean.schema import Schema
from train import bootstrap, metrics
from train.labels import Example

REPLICATES = 100
GAIN, FARTHEST = 0.05, 4.0
"""A gain in F1 for which the needed sentences are given, if so many times the sentences would bring it."""

Curve = dict[str, Any]
Floats = NDArray[np.float64]


def fit_curve(points: Sequence[Curve], examples: Sequence[Example], schema: Schema, *, seed: int) -> Curve:
    """Fit a power law to each dimension's macro-F1 and each label's F1, and project them to twice the labels."""
    seeds = sorted({point["seed"] for point in points})
    result: Curve = {"rows": len(examples), "seeds": seeds, "points": list(points), "dimensions": {}}
    for d in schema.dimensions:
        there = [e.labels[d.name] for e in examples if d.name in e.labels]
        known = [point for point in points if d.name in point["dimensions"]]
        support = metrics.indicator(d, there).sum(axis=0).tolist()

        measured = [point["dimensions"][d.name] for point in known]
        owners = [point["seed"] for point in known]
        rows, macro = [p["rows"] for p in measured], [p["macro_f1"] for p in measured]
        labels = {}
        for label, number in zip(d.labels, support, strict=True):
            sizes, f1 = [p["support"][label] for p in measured], [p["f1"][label] for p in measured]
            labels[label] = {"support": int(number), **_project(sizes, f1, owners, number, seed, REPLICATES // 2)}
        whole = {"sentences": len(there), **_project(rows, macro, owners, len(there), seed, REPLICATES)}
        result["dimensions"][d.name] = {**whole, "labels": labels}
    return result


def _project(
    sizes: Sequence[float], f1: Sequence[float], owners: Sequence[int], now: int, seed: int, replicates: int
) -> Curve:
    """Fit F1 against sizes; the interval is from refits on seeds drawn with replacement, too narrow for few seeds."""
    x, y, whose = (np.array(values, dtype=float) for values in (sizes, f1, owners))
    usable = x > 0
    x, y, whose = x[usable], y[usable], whose[usable]
    fit = _power_law(x, y) if now and len({*x.tolist()}) >= 3 else None
    if fit is None:
        return {"now": None, "twice": None, "gain": None, "interval": None, "needed": None, "law": None}
    random, names, gains = np.random.default_rng(seed), np.unique(whose), []
    for _ in range(replicates if len(names) > 1 else 0):
        rows = np.concatenate([np.flatnonzero(whose == name) for name in random.choice(names, len(names))])
        again = _power_law(x[rows], y[rows], start=fit) if len({*x[rows].tolist()}) >= 3 else None
        if again is not None:
            gains.append(float(_f1(2 * now, *again) - _f1(now, *again)))
    here, there = float(_f1(now, *fit)), float(_f1(2 * now, *fit))
    reach = np.arange(now, int(FARTHEST * now) + 1, max(1, now // 200))
    enough = reach[_f1(reach, *fit) >= here + GAIN]
    return {
        "now": here,
        "twice": there,
        "gain": there - here,
        "interval": bootstrap.interval(np.array(gains)) if gains else None,
        "needed": int(enough[0] - now) if len(enough) else None,
        "law": dict(zip("abc", map(float, fit), strict=True)),
    }


def _power_law(x: Floats, y: Floats, *, start: Floats | None = None) -> Floats | None:
    """Fit 1 - F1 = a + b n^-c with a and b not below 0 and c from 0.05 to 2; None where it does not converge."""
    guess = start if start is not None else (max(0.0, float(1 - y.max()) * 0.8), 1.0, 0.5)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            found: Floats = curve_fit(
                lambda n, a, b, c: a + b * n**-c, x, 1 - y, p0=guess, bounds=([0, 0, 0.05], [1, 100, 2]), maxfev=2000
            )[0]
    except (RuntimeError, ValueError):
        return None
    return found


def _f1(n: Any, a: float, b: float, c: float) -> Any:
    return np.clip(1 - a - b * np.asarray(n, dtype=float) ** -c, 0, 1)
