"""How frequent labels really are, when a model that errs has counted them.

Knows counts, probabilities and how a model errs; knows no file and no label by name. All three ways assume that a
label looks today as it did when the errors were counted, only more or less often (label shift). Gonzalez et al.
(2017), "A Review on Quantification Learning", compares them.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse import csr_matrix
from scipy.stats import beta

Floats = NDArray[np.float64]

STEPS, TOLERANCE = 1000, 1e-6
"""Of expectation maximisation: most steps, and the change of a share at which it ends."""


def adjusted_count(counted: Floats, confusion: Floats) -> Floats | None:
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
        None where a label has no gold sentence, so that its errors are unknown.
    """
    totals = confusion.sum(axis=1, keepdims=True)
    return unmix(counted, confusion / totals) if (totals > 0).all() else None


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
        Shares among the sentences that the probabilities were calibrated on. A label that none of them had gets 0:
        nothing tells how its probabilities rise with its share.
    """
    known = prior > 0
    shares = probabilities.mean(axis=0)
    for _ in range(STEPS):
        joint = probabilities * np.divide(shares, prior, out=np.zeros_like(shares), where=known)
        following = _share((joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-12)).sum(axis=0))
        moved, shares = np.abs(following - shares).max(), following
        if moved < TOLERANCE:
            break
    return np.asarray(shares, dtype=np.float64)


def corrected_shares(
    counts: Floats, confusion: Floats, *, known: Floats | None = None, by_article: csr_matrix | None = None, seed: int,
    replicates: int,
) -> tuple[Floats, Floats, Floats] | None:  # fmt: skip
    """Correct the shares of answers, with an interval for all that is uncertain about them.

    Parameters
    ----------
    counts : array, shape (articles, labels)
        Answers with each label in each article.
    confusion : array, shape (labels, labels)
        As for `adjusted_count`.
    known : array, shape (articles, labels), optional
        Further sentences of these articles whose labels are no answers of the model, so that they are not corrected.
    by_article : sparse matrix, shape (gold articles, labels * labels), optional
        The confusion, article by article.

    Returns
    -------
    (shares, low, high) or None
        Of shape (labels,): the estimate, and the percentile interval of 95 % when articles are drawn anew and the
        errors are as uncertain as their numbers say. It holds the estimate, also where errors are so rare that what is
        drawn lies to one side of it, and reaches as far as `_unseen` says. None as for `adjusted_count`.
    """
    random = np.random.default_rng(seed)
    known = np.zeros_like(counts) if known is None else known
    estimate = adjusted_count(_share(counts.sum(axis=0)), confusion)
    if estimate is None:
        return None
    shares = join(estimate, counts.sum(), known.sum(axis=0))
    drawn = random.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=replicates).astype(float)
    found = [
        join(unmix(_share(sample), errors), sample.sum(), others)
        for sample, others, errors in zip(
            drawn @ counts, drawn @ known, _draw_errors(confusion, by_article, random), strict=False
        )
    ]
    low, high = np.quantile(np.array(found), [0.025, 0.975], axis=0)
    lack, excess = _unseen(counts, drawn, confusion) * counts.sum() / max(counts.sum() + known.sum(), 1e-12)
    low = np.maximum(0.0, np.minimum(low, shares - np.maximum(lack, 0.0)))
    return shares, low, np.minimum(1.0, np.maximum(high, shares + np.maximum(excess, 0.0)))


def _unseen(counts: Floats, drawn: Floats, confusion: Floats) -> Floats:
    """Give how much less and more frequent than its answers a label may be, shape (2, labels).

    Of rare labels, and of those that nearly all sentences have, articles drawn anew do not show it: a label that no
    article has is never drawn, nor a sentence without one that all have. So: the 2.5 % and 97.5 % quantiles of a share,
    by Jeffreys' prior, among as many sentences as these are worth by themselves: their number over the design effect,
    which is how much more shares vary between drawn articles than between drawn sentences (Kish 1965), all labels taken
    together. What lies between them and the share found is divided by how often a sentence without the label goes
    without it, and one with the label gets it.
    """
    totals, found = counts.sum(axis=0), drawn @ counts
    shares = _share(totals)
    alone = float((shares * (1 - shares)).sum()) / max(totals.sum(), 1e-12)
    varies = (found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12)).var(axis=0).sum()
    # Where all answers are alike, nothing tells how much an article's sentences have in common: each counts once.
    worth = totals.sum() / max(1.0, varies / alone) if alone else float(len(counts))
    low, high = beta.ppf([[0.025], [0.975]], shares * worth + 0.5, (1 - shares) * worth + 0.5)
    right, gold = np.diag(confusion), confusion.sum(axis=1)
    without, wrong = gold.sum() - gold, confusion.sum(axis=0) - right
    # Jeffreys' prior again: none found is not never.
    recall, specificity = (right + 0.5) / (gold + 1), (without - wrong + 0.5) / (without + 1)
    return np.stack([(shares - low) / specificity, (high - shares) / recall])


def join(shares: Floats, number: float, known: Floats) -> Floats:
    """Give the shares among a number of sentences and others whose labels are known, shape (labels,)."""
    return _share(shares * number + known)


def _draw_errors(confusion: Floats, by_article: csr_matrix | None, random: np.random.Generator) -> Iterator[Floats]:
    """Draw how often each gold label gets each answer, without end.

    The Bayesian bootstrap (Rubin 1981) of the gold articles; of the sentences, a Dirichlet distribution a gold label,
    where articles are not known, or only one has the label. One invented sentence a gold label is spread over all
    answers, since errors that were not seen may come; more would drown the gold where there are many labels.
    """
    size = len(confusion)
    if by_article is not None:
        cells = by_article.tocoo()
        labels = np.unique(np.stack([cells.row, cells.col // size]), axis=1)[1]
        several = np.bincount(labels, minlength=size)[:, None] > 1
    while True:
        drawn = random.standard_gamma(confusion)
        if by_article is not None:
            weighted = by_article.T @ random.standard_exponential(by_article.shape[0])
            drawn = np.where(several, weighted.reshape(size, size), drawn)
        drawn += random.standard_gamma(1 / size, size=drawn.shape)
        yield drawn / drawn.sum(axis=1, keepdims=True)


def _share(counts: Floats | Sequence[float]) -> Floats:
    values = np.asarray(counts, dtype=np.float64)
    return values / max(float(values.sum()), 1e-12)
