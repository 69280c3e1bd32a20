"""How far independent coders agree, with intervals.

Knows labels by coder and groups of units (articles). Knows no file and no
model. Kappa and alpha are computed from sums over groups, so that a bootstrap
replicate is a product of weights and sums: the package ``krippendorff`` takes
one data set at a time, and the tests hold this room's alpha against it.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newslean.schema import Dimension, Labels, Schema

ADJUDICATED = "adjudicated"
"""The coder who settled disputes after seeing the others: not an independent one."""

LEVEL = 0.95
"""Coverage of the intervals."""

MAX_WEIGHTS = 4_000_000
"""Replicates x groups held at once."""

MEASURES = ("percent", "kappa", "fleiss", "alpha")

Array = NDArray[Any]


def agreement(
    schema: Schema,
    rows: Sequence[Mapping[str, Labels]],
    groups: Sequence[str],
    *,
    seed: int,
    replicates: int = 1000,
    coders: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Measure the agreement of coders per dimension and per label.

    A ``multi`` dimension as a whole compares sets of labels; a label compares "has it" with "has it not". Intervals
    are percentile bootstrap intervals over groups (over units where fewer than two groups were coded twice).

    Parameters
    ----------
    schema : Schema
        The label set.
    rows : sequence of mapping
        Per unit: coder to labels. Coders and dimensions may be missing.
    groups : sequence of str
        Per unit: its article.
    seed, replicates : int
        Of the bootstrap.
    coders : sequence of str, optional
        Whom to compare; by default all but ``adjudicated``.

    Returns
    -------
    dict
        Plain data: ``{"coders", "replicates", "seed", "dimensions": {name: {"units", "groups", "percent",
        "kappa", "fleiss", "alpha", each with its "..._interval": [low, high], "labels": {label: the same},
        "confusion": [per pair of coders]}}}``. Percent agreement is a share (0..1), the mean over pairs of coders. A
        value is None where it is undefined: no unit coded twice, or the others where only one label was ever used.

    Notes
    -----
    Cohen's kappa (Cohen 1960), for more than two coders the mean over their pairs (Light 1971). Fleiss' kappa
    (Fleiss 1971), of units coded twice or more; where their numbers of coders differ, a unit's agreement is that of
    its own pairs, and chance follows from all its values. Krippendorff's alpha for nominal data and any number of
    coders (Krippendorff 2011, "Computing Krippendorff's alpha-reliability").
    """
    names = [*coders] if coders is not None else sorted({coder for row in rows for coder in row} - {ADJUDICATED})
    dimensions = {}
    for d in schema.dimensions:
        values = [[_value(row.get(coder, {}).get(d.name), d) for row in rows] for coder in names]
        dimensions[d.name] = _agreement_in(d, values, groups, seed=seed, replicates=replicates)
        dimensions[d.name]["confusion"] = confusion(d, values, names)
    return {"coders": names, "replicates": replicates, "seed": seed, "dimensions": dimensions}


def _agreement_in(
    d: Dimension, values: list[list[Hashable]], groups: Sequence[str], *, seed: int, replicates: int
) -> dict[str, Any]:
    """Measure one dimension as a whole and label by label; values are those of each coder."""
    codes, known = _encode(values)
    found = _measure(codes, groups, seed=seed, replicates=replicates)
    labels = {}
    for label in d.labels:
        has = np.array([label in (value if d.multi else [value]) for value in known] + [False])
        labels[label] = _measure(np.where(codes < 0, -1, has[codes]), groups, seed=seed, replicates=replicates)
    return found | {"labels": labels}


def _value(value: str | list[str] | None, dimension: Dimension) -> Hashable:
    return frozenset(value) if dimension.multi and value is not None else value  # type: ignore[return-value]


def _encode(values: list[list[Hashable]]) -> tuple[Array, list[Any]]:
    """Turn values into numbers: codes (coders, units), -1 for a missing cell, and the value of each code."""
    numbers = {value: n for n, value in enumerate(dict.fromkeys(v for row in values for v in row if v is not None))}
    shape = (len(values), len(values[0]) if values else 0)
    return np.array([[numbers.get(v, -1) for v in row] for row in values], dtype=int).reshape(shape), [*numbers]


def _measure(codes: Array, groups: Sequence[str], *, seed: int, replicates: int) -> dict[str, Any]:
    """Percent agreement, kappa and alpha of codes (coders, units)."""
    twice = (codes >= 0).sum(axis=0) >= 2
    codes = codes[:, twice]
    units = codes.shape[1]
    names, group = np.unique(np.asarray(groups, dtype=object)[twice].astype(str), return_inverse=True)
    found: dict[str, Any] = {"units": units, "groups": len(names)}
    if not units:
        return found | {key: None for name in MEASURES for key in (name, f"{name}_interval")}
    if len(names) < 2:
        names, group = np.arange(units), np.arange(units)
    sums = _sums(codes, group, len(names))
    value = _estimate(sums, np.ones((1, len(names))))
    drawn = [_estimate(sums, weights) for weights in _weights(len(names), seed=seed, replicates=replicates)]
    for name in value:
        found[name] = None if np.isnan(value[name][0]) else float(value[name][0])
        replicated = np.concatenate([d[name] for d in drawn]) if drawn else np.array([])
        found[f"{name}_interval"] = _interval(replicated) if found[name] is not None and len(names) > 1 else None
    return found


def _sums(codes: Array, group: Array, size: int) -> dict[str, Any]:
    """Add up, per group, what every measure follows from: these sums add up over groups."""
    width = int(codes.max()) + 1
    pairs = []
    for left, right in combinations(codes, 2):
        both = (left >= 0) & (right >= 0)
        g, a, b = group[both], left[both], right[both]
        table = [np.bincount(g * width + x, minlength=size * width).reshape(size, width) for x in (a, b)]
        pairs.append((np.bincount(g, weights=a == b, minlength=size), *table))
    counts = np.stack([(codes == value).sum(axis=0) for value in range(width)], axis=1)  # (units, values)
    # Of a unit with m codes, c of them of one value, c (c - 1) / (m - 1) is its diagonal coincidence.
    coded = counts.sum(axis=1)
    matching = (counts * (counts - 1)).sum(axis=1) / (coded - 1)
    values = np.zeros((size, width))
    np.add.at(values, group, counts)
    return {
        "pairs": pairs,
        "matching": np.bincount(group, weights=matching, minlength=size),
        "values": values,
        "agreeing": np.bincount(group, weights=matching / coded, minlength=size),
        "units": np.bincount(group, minlength=size),
    }


def _estimate(sums: dict[str, Any], weights: Array) -> dict[str, Array]:
    """Measures for each row of weights (replicates, groups); NaN where one is undefined."""
    percents, kappas = [], []
    for agreed, left, right in sums["pairs"]:
        rows, columns = weights @ left, weights @ right
        total = rows.sum(axis=1)
        percent = _divide(weights @ agreed, total)
        expected = _divide((rows * columns).sum(axis=1), total**2)
        percents.append(percent)
        kappas.append(_divide(percent - expected, 1 - expected))
    values = weights @ sums["values"]
    total = values.sum(axis=1)
    observed = _divide(total - weights @ sums["matching"], total)
    expected = _divide(total**2 - (values**2).sum(axis=1), total * (total - 1))
    shares = _divide(weights @ sums["agreeing"], weights @ sums["units"])
    chance = _divide((values**2).sum(axis=1), total**2)
    fleiss = _divide(shares - chance, 1 - chance)
    alpha = 1 - _divide(observed, expected)
    return {"percent": _mean(percents), "kappa": _mean(kappas), "fleiss": fleiss, "alpha": alpha}


def _divide(above: Array, below: Array) -> Array:
    """Divide, with NaN where the divisor is zero (but for rounding)."""
    fits = np.abs(below) > 1e-12
    return np.where(fits, above / np.where(fits, below, 1), np.nan)


def _mean(columns: list[Array]) -> Array:
    """Mean over pairs of coders, leaving out those for which it is undefined."""
    stacked = np.stack(columns)
    return _divide(np.nansum(stacked, axis=0), (~np.isnan(stacked)).sum(axis=0))


def _weights(size: int, *, seed: int, replicates: int) -> Iterator[Array]:
    """Yield how often each group is drawn in each replicate, some replicates at a time."""
    rng = np.random.default_rng(seed)
    step = max(1, MAX_WEIGHTS // size)
    for start in range(0, replicates, step):
        yield rng.multinomial(size, np.full(size, 1 / size), size=min(step, replicates - start)).astype(float)


def _interval(values: Array) -> list[float] | None:
    """Percentile interval of the replicates in which the measure is defined; None if that is not even half of them."""
    defined = values[~np.isnan(values)]
    if len(defined) == 0 or len(defined) < len(values) / 2:
        return None
    return [float(x) for x in np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]


def confusion(dimension: Dimension, values: list[list[Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Count per pair of coders: rows are the first one's labels, columns the second one's.

    For ``multi`` a table per label, as scikit-learn's: ``[[neither, second only], [first only, both]]``.
    """
    labels, tables = dimension.labels, []
    for i, j in combinations(range(len(names)), 2):
        both = [(a, b) for a, b in zip(values[i], values[j], strict=True) if a is not None and b is not None]
        if dimension.multi:
            has = Counter((label, label in a, label in b) for a, b in both for label in labels)
            counts: Any = [[[has[x, p, q] for q in (False, True)] for p in (False, True)] for x in labels]
        else:
            counted = Counter(both)
            counts = [[counted[a, b] for b in labels] for a in labels]
        tables.append({"coders": [names[i], names[j]], "labels": [*labels], "counts": counts})
    return tables
