"""Articles drawn anew: weights, F1 in each replicate, and intervals.

Knows counts and arrays; knows no label, no file and no model.
"""

from typing import Any

import numpy as np

from train.metrics import Counts, Floats, ratio

MAX_WEIGHTS = 20_000_000
"""Numbers in a table of resampling weights."""


def drawn_f1(counts: Counts, weights: Floats) -> Floats:
    """F1 of each label in each bootstrap replicate, shape (replicates, labels); NaN where no article drawn has it.

    A label that no article has at all counts as 0, as in the estimate: `Counts.f1`.

    Parameters
    ----------
    counts : Counts
        Per group.
    weights : array, shape (replicates, groups)
        As `resampling_weights` gives them.
    """
    drawn = counts.weighted(weights)
    unmeasured = (counts.tp + counts.fn).sum(axis=0) == 0
    return np.where((drawn.tp + drawn.fn > 0) | unmeasured, drawn.f1(), np.nan)


def drawn_macro_f1(counts: Counts, weights: Floats) -> Floats:
    """Macro-F1 in each bootstrap replicate, shape (replicates,), over the labels that `drawn_f1` knows there.

    To count those that chance left out as 0 would draw all intervals down, below the estimate where many are rare.
    """
    return macro_of(drawn_f1(counts, weights))


def macro_of(f1: Floats) -> Floats:
    """Mean of `drawn_f1` over the labels that it knows; 0 where it knows none."""
    return ratio(np.nansum(f1, axis=1), (~np.isnan(f1)).sum(axis=1))


def drawn_replicates(groups: int, replicates: int) -> int:
    """Give how many of the replicates asked for `resampling_weights` draws."""
    return min(replicates, max(200, MAX_WEIGHTS // max(groups, 1)))


def resampling_weights(groups: int, *, seed: int, replicates: int) -> Floats | None:
    """Draw how often each group stands in each bootstrap replicate, shape (replicates, groups).

    Whole articles are drawn, because sentences of one article are no independent
    witnesses (the cluster bootstrap: Davison and Hinkley 1997, section 3.8).
    None for fewer than two groups, from which nothing can be learnt this way. With very many groups there are fewer
    replicates, at least 200, so that they fit into memory: intervals are narrow then anyway.
    """
    if groups < 2:
        return None
    replicates = drawn_replicates(groups, replicates)
    return np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=replicates).astype(float)


def interval(replicates: Floats) -> list[Any]:
    """Give the percentile interval of 95 %, ``[low, high]``, over the first axis, past replicates that are NaN."""
    bounds: list[Any] = np.nanquantile(replicates, [0.025, 0.975], axis=0).tolist()
    return bounds
