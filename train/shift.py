"""How far two samples of numbers lie apart, and how far chance alone would bring them.

Knows numbers and the articles they stand in; knows no model and no file.
Sentences of one article are alike, so what chance does is judged by articles.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr
from scipy.stats import f as fisher

from train.bootstrap import interval, resampling_weights

Floats = NDArray[np.float64]

Sample = tuple[Floats, NDArray[np.str_]]
"""Numbers, and the article of each."""

KS_CHANCE = 1.358
"""Kolmogorov's constant of 95 %."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers counted in bins.

    Attributes
    ----------
    table : array, shape (articles, bins)
    summed : bool
        Whether the one row is of many articles that are not told apart; a single article is something else.
    articles : int
        How many these are; 0 where that is not known.
    """

    table: Floats
    summed: bool = False
    articles: int = 0

    @property
    def total(self) -> Floats:
        """All articles together, shape (bins,)."""
        return np.asarray(self.table.sum(axis=0))


def count_in_bins(values: Floats, groups: NDArray[np.str_], edges: Floats) -> Counts:
    """Count values between edges, article by article; those beyond the last edges belong to the outer bins."""
    names, index = np.unique(groups, return_inverse=True)
    bins = np.searchsorted(edges[1:-1], values, side="left")
    table = np.zeros((len(names), len(edges) - 1))
    np.add.at(table, (index, bins), 1)
    return Counts(table)


def sums_by_article(rows: Floats, groups: NDArray[np.str_]) -> Floats:
    """Add up the rows of each article, shape (articles, ...)."""
    names, index = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), *rows.shape[1:]))
    np.add.at(sums, index, rows)
    return sums


def decile_edges(values: Floats) -> Floats:
    """Give the edges of ten bins that hold about as many values each; fewer where many values are equal.

    Bins are closed on the right. The least and the greatest value have a bin of their own where a tenth or more has
    them: a model that was sure of nearly all may become unsure, and in one bin with the rest that would not be seen.
    """
    deciles = np.quantile(values, np.linspace(0, 1, 11))
    first, inner, last = deciles[0], deciles[1:-1], deciles[-1]
    below = np.nextafter(last, -np.inf)
    cuts = np.unique([*inner[(inner < last) | (inner == first)], *np.where(inner == last, below, inner)])
    return np.array([-np.inf, *cuts, np.inf])


def compare(reference: Counts, new: Counts, *, seed: int, replicates: int) -> dict[str, Any]:
    """Compare two samples counted in the same bins.

    Returns
    -------
    dict
        ``psi``: population stability index (Lewis 1994), the symmetric Kullback-Leibler divergence. ``js``:
        Jensen-Shannon divergence in bits, 0..1. ``ks``: the greatest distance of the cumulative shares (Kolmogorov and
        Smirnov). Each with its ``_interval``: percentile bootstrap of 95 % over articles. ``psi_chance`` and
        ``ks_chance``: what pairs of samples without any drift stay under. Of ``psi`` about 95 % do, and some 92 % where
        articles are few and of many lengths; of ``ks`` 97 % or more where the sentences of an article are no more alike
        than others, and 80 to 90 % where they are. Sentences count as no more than their articles are worth, and as
        what the other sample's are worth where their articles are not told apart. Intervals and chance are None where a
        sample is a single article: it does not tell how far another one would lie.
    """
    n, m = reference.total, new.total
    result: dict[str, Any] = {name: float(values) for name, values in _distances(n, m).items()}
    if any(len(part.table) < 2 and not part.summed for part in (reference, new)):
        return result | dict.fromkeys(("psi_interval", "js_interval", "ks_interval", "psi_chance", "ks_chance"))
    parts = (reference, new)
    samples = [_resample(part, seed + k, replicates) for k, part in enumerate(parts)]
    effects = [_effect(part, sample) for part, sample in zip(parts, samples, strict=True)]
    for k, part in enumerate(parts):
        if part.summed:
            effects[k] = _effect_like(parts[1 - k], effects[1 - k], part)
            samples[k] = _resample(part, seed + k, replicates, effect=effects[k])
    both = min(map(len, samples))
    for name, values in _distances(*(sample[:both] for sample in samples)).items():
        result[f"{name}_interval"] = interval(values)
    worth = sum(effect / max(float(total.sum()), 1) for effect, total in zip(effects, (n, m), strict=True))
    result["psi_chance"] = _psi_chance(parts, samples, effects)
    result["ks_chance"] = float(KS_CHANCE * np.sqrt(worth))
    return result


def _psi_chance(parts: tuple[Counts, Counts], samples: list[Floats], effects: list[float]) -> float:
    """Give what the index stays under in 95 % of pairs without drift.

    It is nearly a sum of squares, each as great as shares vary over articles. Bins vary unequally, so a chi-squared
    distribution with a degree of freedom a bin is too narrow: Rao and Scott's (1984) second-order correction, by
    Satterthwaite, and for variances from few articles the F distribution (Thomas and Rao 1987). Where articles are not
    told apart, shares vary as the other sample's do, and what articles add to that grows with the design effect.
    """
    numbers = [max(float(part.total.sum()), 1) for part in parts]
    total = parts[0].total + parts[1].total + 1
    root = np.sqrt(total / total.sum())
    apart = [k for k, part in enumerate(parts) if not part.summed] or [0, 1]
    found = {k: _spread(parts[k], samples[k], root) for k in apart}
    spread = np.sum([matrix for matrix, _ in found.values()], axis=0)
    for k in {0, 1}.difference(apart):
        other = found[1 - k][0] * numbers[1 - k]
        alone = np.eye(len(root)) - np.outer(root, root)  # if sentences were drawn one by one; articles add the rest
        added, axes = np.linalg.eigh(other - alone)
        rise = (effects[k] - 1) / (effects[1 - k] - 1) if effects[1 - k] > 1 else 1.0
        spread += (other + max(rise - 1, 0) * (axes * added.clip(0)) @ axes.T) / numbers[k]
    sizes = np.linalg.eigvalsh(spread).clip(0)
    if not sizes.sum():
        return 0.0
    degrees = sizes.sum() ** 2 / (sizes**2).sum()
    traces = [(float(np.trace(matrix)), number) for matrix, number in found.values()]
    witnesses = sum(size for size, _ in traces) ** 2 / sum(size**2 / (number - 1) for size, number in traces)
    return float(sizes.sum() * fisher.ppf(0.95, degrees, degrees * witnesses))


def _spread(part: Counts, samples: Floats, root: Floats) -> tuple[Floats, float]:
    """Give the covariance of a sample's shares over their roots, and how many articles of one length it is worth.

    That number is Kish's (1965): where lengths are unequal, a few articles say most.
    """
    lengths = part.table.sum(axis=1)
    number = float(lengths.sum() if part.summed else lengths.sum() ** 2 / max((lengths**2).sum(), 1))
    number = max(number, 2.0)
    shares = samples / np.maximum(samples.sum(axis=1, keepdims=True), 1)
    # Articles drawn anew vary a little less than others would.
    return np.cov((shares / root).T, bias=True) * number / (number - 1), number


def _distances(n: Floats, m: Floats) -> dict[str, Floats]:
    """Distances along the last axis, which holds the bins; half a value is added to each, so that none is empty."""
    p, q = ((part + 0.5) / (part + 0.5).sum(axis=-1, keepdims=True) for part in (n, m))
    exact = (part / np.maximum(part.sum(axis=-1, keepdims=True), 1) for part in (n, m))
    first, second = (part.cumsum(axis=-1) for part in exact)
    return {
        "psi": np.asarray(((p - q) * np.log(p / q)).sum(axis=-1)),
        "js": divergence(p, q),
        "ks": np.asarray(np.abs(first - second).max(axis=-1)),
    }


def divergence(first: Floats, second: Floats, *, axis: int = -1) -> Floats:
    """Give the Jensen-Shannon divergence of shares along an axis, in bits: 0..1."""
    middle = (first + second) / 2
    both = rel_entr(first, middle) + rel_entr(second, middle)
    return np.asarray(np.clip(both.sum(axis=axis) / (2 * np.log(2)), 0, 1))


def _resample(part: Counts, seed: int, replicates: int, *, effect: float = 1.0) -> Floats:
    """Draw the articles anew, shape (replicates, bins).

    Where articles are not told apart, draw sentences: as many as they are worth by their design effect.
    """
    weights = resampling_weights(len(part.table), seed=seed, replicates=replicates)
    if weights is None:
        total = part.total
        number = float(total.sum())
        drawn = np.random.default_rng(seed).multinomial(round(number / effect), total / max(number, 1), size=replicates)
        return np.asarray(drawn * effect)
    return weights @ part.table


def _effect(part: Counts, samples: Floats) -> float:
    """Design effect (Kish 1965): how much wider the shares vary than if sentences were drawn one by one; at least 1."""
    total = part.total
    share = total / max(total.sum(), 1)
    expected = float((share * (1 - share)).sum()) / max(float(total.sum()), 1)
    shares = samples / np.maximum(samples.sum(axis=1, keepdims=True), 1)
    return max(1.0, float(shares.var(axis=0).sum()) / expected) if expected else 1.0


def _effect_like(other: Counts, effect: float, part: Counts) -> float:
    """Give the design effect of articles that are not told apart, within as alike as those of another sample.

    It grows with their length, less 1; where that is shorter on average it is left as it is, since some may not be.
    """
    length, own = (max(float(c.total.sum()) / max(c.articles, len(c.table)), 1) for c in (other, part))
    if not part.articles or own <= length or length == 1:
        return effect
    return 1 + min((effect - 1) / (length - 1), 1) * (own - 1)


def design_effect(part: Counts, other: Counts, *, seed: int, replicates: int) -> float:
    """Give the design effect of a sample whose articles are not told apart, from another whose articles are."""
    return _effect_like(other, _effect(other, _resample(other, seed, replicates)), part)


def mean_difference(
    reference: Sample | float, new: Sample, *, seed: int, replicates: int
) -> tuple[float, list[float] | None]:
    """Give the difference of two means (new less reference), with its interval of 95 % over articles.

    Parameters
    ----------
    reference : (values, articles) or float
        A number is a mean that is taken as known.

    Returns
    -------
    (difference, interval)
        The interval is None where a sample is a single article: it does not tell how far another one would lie.
    """
    means: list[float] = []
    drawn: list[Floats] = []
    for k, sample in enumerate((reference, new)):
        if isinstance(sample, float):
            means.append(sample)
            drawn.append(np.full(replicates, sample))
            continue
        values, groups = sample
        means.append(float(values.mean()))
        table = sums_by_article(np.stack([values, np.ones(len(values))], axis=1), groups)
        if len(table) > 1:
            sums = _resample(Counts(table), seed + k, replicates)
            drawn.append(sums[:, 0] / np.maximum(sums[:, 1], 1))
    difference = means[1] - means[0]
    if len(drawn) < len(means):
        return difference, None
    both = min(map(len, drawn))
    low, high = interval(drawn[1][:both] - drawn[0][:both])
    return difference, [low, high]
