"""How frequent labels are in new text: as counted, and corrected for the model's errors.

Knows a reference, how a model errs, and scored sentences; the ways of correcting are those of `train.prevalence`.
"""

from typing import Any

import numpy as np

from newslean.schema import Dimension
from train.bootstrap import interval, resampling_weights
from train.drift_prior import maximised_shares
from train.drift_reference import Errors, Floats
from train.metrics import indicator
from train.prevalence import adjusted_count, corrected_shares, join, unmix
from train.scored import Scored
from train.shift import Counts, design_effect, sums_by_article

Report = dict[str, Any]

MOST_FOR_EM = 5_000
"""Sentences that expectation maximisation looks at, drawn at random."""

NORMAL = 1.96
"""Of the standard normal distribution, 95 % lie nearer to 0."""


def label_shares(
    old: Scored | None, errors: Errors | None, new: Scored, d: Dimension, *, prior: Floats | None = None, seed: int,
    replicates: int,
) -> Report:  # fmt: skip
    """Give each label's share, as counted and corrected.

    A sentence that the gate kept from the model counts as a neutral one. It is no answer of the model: errors, which
    were counted without a gate, are taken out of the others alone.

    Parameters
    ----------
    prior : array, shape (labels,), optional
        Of `train.drift_prior.calibration_shares`; without it there is no expectation maximisation.

    Returns
    -------
    dict
        By label ``counted``; where errors are known also ``reference`` with its ``reference_interval``, and
        ``corrected`` with its ``interval``, ``em`` and ``pacc``, each None where it cannot be had.
    """
    answers = indicator(d, [labels[d.name] for labels in new.answers]).astype(float)
    result: Report = {label: {"counted": float(answers[:, k].mean())} for k, label in enumerate(d.labels)}
    if errors is None:
        return result
    maximised = _maximised(new, d, prior, seed=seed)
    for name, confusion in errors.confusions.items():
        k = d.labels.index(name) if d.multi else 0
        counts, known = _answers_by_article(new, d, k)
        corrected = corrected_shares(
            counts, confusion, known=known, by_article=errors.by_article.get(name), seed=seed, replicates=replicates
        )
        before = _shares_before(old, d, k, confusion, seed=seed, replicates=replicates)
        before = before or _shares_reported(errors, confusion, counts + known, seed=seed, replicates=replicates)
        probabilistic = _probabilistic(old, new, d, k)
        for n, label in [(1, name)] if d.multi else enumerate(d.labels):
            shares, low, high = (None, None, None) if corrected is None else (float(part[n]) for part in corrected)
            result[label] |= {
                "reference": float(before[0][n]),
                "reference_interval": None if before[1] is None else before[1][:, n].tolist(),
                "corrected": shares,
                "em": maximised.get(label),
                "interval": [low, high] if corrected and len(counts) > 1 else None,
                "pacc": None if probabilistic is None else float(probabilistic[n]),
            }
    return result


def missing_gold(errors: Errors | None, d: Dimension) -> list[str]:
    """Say what no gold sentence is, so that errors are unknown: "with" a label, or "without" one."""
    if errors is None:
        return []
    if not d.multi:
        return [f"with {label}" for label, row in zip(d.labels, errors.confusions[""], strict=True) if not row.any()]
    return [
        f"{which} {label}"
        for label, confusion in errors.confusions.items()
        for which, row in zip(("without", "with"), confusion, strict=True)
        if not row.any()
    ]


def _asked(d: Dimension, k: int, table: Floats) -> Floats:
    """Give the columns of a question: no and yes to a label of a ``multi`` dimension, or all labels."""
    return np.stack([1 - table[:, k], table[:, k]], axis=1) if d.multi else table


def _answers_by_article(scored: Scored, d: Dimension, k: int) -> tuple[Floats, Floats]:
    """Count answers of the model in each article, and apart from them the sentences that it was not asked about."""
    table = _asked(d, k, indicator(d, [labels[d.name] for labels in scored.answers]).astype(float))
    read = ~scored.skipped[:, None]
    return sums_by_article(table * read, scored.groups), sums_by_article(table * ~read, scored.groups)


def _maximised(new: Scored, d: Dimension, prior: Floats | None, *, seed: int) -> dict[str, float]:
    """Estimate shares by expectation maximisation, but for labels without a share to start from, or with all of it."""
    if prior is None:
        return {}
    values = new.only_read().scores[d.name]
    rows = np.random.default_rng(seed).permutation(len(values))[:MOST_FOR_EM]
    shares = maximised_shares(d, values[rows], prior) * len(values)
    neutral = [0.0 if d.multi else float(label == d.neutral) for label in d.labels]
    shares = (shares + np.array(neutral) * new.skipped.sum()) / len(new.texts)
    return {label: float(share) for label, share, p in zip(d.labels, shares, prior, strict=True) if 0 < p < 1}


def _shares_before(
    old: Scored | None, d: Dimension, k: int, confusion: Floats, *, seed: int, replicates: int
) -> tuple[Floats, Floats | None] | None:
    """Give the shares in a reference that the model never saw: by its labels, or corrected too where it has none.

    Their interval is over articles drawn anew, and None where there is but one. The errors that are taken out are those
    of the new sentences' shares too, whose interval holds what is uncertain about them.
    """
    if old is None or old.seen:
        return None
    rows = [n for n, gold in enumerate(old.gold) if d.name in gold]
    if rows:
        gold = _asked(d, k, indicator(d, [old.gold[n][d.name] for n in rows]).astype(float))
        counts = sums_by_article(gold, old.groups[rows])
        known = np.zeros_like(counts)
    else:
        counts, known = _answers_by_article(old, d, k)

    def shares(weights: Floats) -> Floats:
        answers, others = weights @ counts, weights @ known
        found = answers / max(answers.sum(), 1)
        corrected = None if rows else adjusted_count(found, confusion)
        return join(found if corrected is None else corrected, answers.sum(), others)

    weights = resampling_weights(len(counts), seed=seed, replicates=replicates)
    bounds = None if weights is None else np.array(interval(np.array([shares(drawn) for drawn in weights])))
    return shares(np.ones(len(counts))), bounds


def _shares_reported(
    errors: Errors, confusion: Floats, table: Floats, *, seed: int, replicates: int
) -> tuple[Floats, Floats | None]:
    """Give the shares in a model's own report, with the normal interval of 95 %.

    It does not tell articles apart: they are taken to be as alike within as the new ones, by the answers. Where many of
    these are wrong, they are less alike than the labels are, and the interval is a little too narrow.

    Parameters
    ----------
    table : array, shape (articles, labels)
        Sentences with each label in each new article; from a single one nothing follows.
    """
    gold = confusion.sum(axis=1)
    shares = gold / max(gold.sum(), 1)
    if len(table) < 2:
        return shares, None
    part = Counts(gold[None, :], summed=True, articles=errors.articles)
    effect = design_effect(part, Counts(table), seed=seed, replicates=replicates)
    width = NORMAL * np.sqrt(shares * (1 - shares) * effect / max(gold.sum(), 1))
    return shares, np.stack([shares - width, shares + width]).clip(0, 1)


def _probabilistic(old: Scored | None, new: Scored, d: Dimension, k: int) -> Floats | None:
    """Correct mean probabilities, where the reference has labels that the model never saw."""
    if old is None or old.seen or not old.gold:
        return None
    rows = [n for n, gold in enumerate(old.gold) if d.name in gold]
    gold = _asked(d, k, indicator(d, [old.gold[n][d.name] for n in rows]).astype(float))
    values = _asked(d, k, old.scores[d.name][rows].astype(float))
    totals = gold.sum(axis=0)
    if not (totals > 0).all():
        return None
    read = _asked(d, k, new.only_read().scores[d.name].astype(float))
    shares = unmix(read.mean(axis=0), (gold.T @ values) / totals[:, None])
    return join(shares, len(read), _answers_by_article(new, d, k)[1].sum(axis=0))
