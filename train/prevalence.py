"""How frequent labels really are, when a model that errs has counted them.

Knows counts, probabilities and how a model errs; knows no file and no label by name. All three ways assume that a
label looks today as it did when the errors were counted, only more or less often (label shift). Gonzalez et al.
(2017), "A Review on Quantification Learning", compares them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

STEPS, TOLERANCE = 1000, 1e-6
"""Of expectation maximisation: most steps, and the change of a share at which it ends."""


def adjusted_count(counted: Floats, confusion: Floats) -> Floats:
    """Correct shares of answers by how often each label is taken for each other (Forman 2008).

    Parameters
    ----------
    counted : array, shape (labels,)
        Share of the answers with each label.
    confusion : array, shape (labels, labels)
        Sentences by gold label (rows) and answer (columns), counted on others.

    Returns
    -------
    array, shape (labels,)
        The shares, none under 0, adding up to 1, that these errors would turn into ``counted`` as nearly as can be.
        As ``counted`` where a label has no gold sentence, so that its errors are unknown.
    """
    totals = confusion.sum(axis=1, keepdims=True)
    if not (totals > 0).all():
        return counted
    return unmix(counted, confusion / totals)


def unmix(found: Floats, rates: Floats) -> Floats:
    """Give the shares, none under 0 and adding up to 1, with ``shares @ rates`` nearest to what was found.

    With the mean probabilities of each gold label's sentences as ``rates``, and those of the new ones as ``found``,
    this is the probabilistic adjusted count of Bella et al. (2010).
    """
    weight = 1e3  # a row that makes them add up to 1
    system = np.vstack([rates.T, np.full(len(rates), weight)])
    shares, _ = nnls(system, np.append(found, weight))
    return np.asarray(shares / max(shares.sum(), 1e-12), dtype=np.float64)


def expectation_maximisation(probabilities: Floats, prior: Floats) -> Floats:
    """Estimate shares from calibrated probabilities (Saerens, Latinne and Decaestecker 2002).

    Parameters
    ----------
    probabilities : array, shape (sentences, labels)
    prior : array, shape (labels,)
        Shares among the sentences that the probabilities were calibrated on.
    """
    prior = np.clip(prior, 1e-6, None)
    shares = probabilities.mean(axis=0)
    for _ in range(STEPS):
        joint = probabilities * (shares / prior)
        following = (joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-12)).mean(axis=0)
        moved, shares = np.abs(following - shares).max(), following
        if moved < TOLERANCE:
            break
    return np.asarray(shares, dtype=np.float64)


def corrected_shares(counts: Floats, confusion: Floats, *, seed: int, replicates: int) -> tuple[Floats, Floats, Floats]:
    """Correct the shares of answers, with an interval for all that is uncertain about them.

    Parameters
    ----------
    counts : array, shape (articles, labels)
        Answers with each label in each article.
    confusion : array, shape (labels, labels)
        As for `adjusted_count`.

    Returns
    -------
    (shares, low, high)
        Of shape (labels,): the estimate, and the percentile interval of 95 % when articles are drawn anew and the
        errors are as uncertain as their numbers say (a Dirichlet distribution a gold label).
    """
    random = np.random.default_rng(seed)
    shares = adjusted_count(_share(counts.sum(axis=0)), confusion)
    drawn = random.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=replicates) @ counts
    found = []
    for sample in drawn:
        errors = np.stack([random.dirichlet(row + 0.5) for row in confusion])
        found.append(unmix(_share(sample), errors) if (confusion.sum(axis=1) > 0).all() else _share(sample))
    low, high = np.quantile(np.array(found), [0.025, 0.975], axis=0)
    return shares, low, high


def _share(counts: Floats | Sequence[float]) -> Floats:
    values = np.asarray(counts, dtype=np.float64)
    return values / max(float(values.sum()), 1e-12)
