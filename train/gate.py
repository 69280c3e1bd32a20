"""Fitting the relevance gate, and choosing the probability below which it skips a sentence.

Knows examples, folds and scikit-learn; gives a `newslean.gate.Gate`. Relevant
is a sentence with any label but the neutral ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression

from newslean.gate import BITS, Gate, article_means, chances, hash_texts, parts_of
from newslean.manifest import GATE_NUMBERS
from newslean.schema import Schema, is_relevant
from train.folds import assign_folds
from train.labels import AUTHORED_SOURCE, Example

MAX_LOST = 0.005
"""Largest share of the relevant sentences that may be lost."""

LEVEL = 0.95
"""How sure that has to be."""

MIN_RELEVANT = 598
"""Relevant sentences without which no such share can be promised: fewer, and the gate may not lose a single one."""

MIN_COLLECTION = 200
"""Relevant sentences of a collection of articles without which it is not looked at by itself."""

INVERSE_STRENGTH = 0.5
"""Of the regularisation (scikit-learn's C)."""

NEUTRAL_WEIGHT, BACKGROUND_WEIGHT = 0.1, 5.0
"""What a labelled sentence without any label counts, and one of the background: the gate is to tell what an article is
about, not how its sentences differ."""

STRAY_WEIGHT = 0.1
"""What a relevant sentence counts once more as if it stood by itself, and as if in an article about other things."""

STRAY_AMONG = 20
"""Sentences of such an article."""

FOLDS = 5


@dataclass(frozen=True, slots=True)
class GateFit:
    """A fitted gate, and what it does out of fold.

    Attributes
    ----------
    lost : float
        Share of the relevant sentences that it skips: in the collection of articles where it is largest.
    stray : float
        The same, if each stood in an article of the background (alone, without one).
    skipped : float
        Share of the labelled sentences that are not relevant that it skips.
    background : float
        Share of the background's sentences that it skips; NaN without a background.
    relevant, others : int
        Labelled sentences: those that are not invented, where there are enough.
    """

    gate: Gate
    lost: float
    stray: float
    skipped: float
    background: float
    relevant: int
    others: int

    def numbers(self) -> dict[str, float]:
        """Give what the manifest keeps of it."""
        gate = {name: getattr(self.gate, name) for name in GATE_NUMBERS}
        found = {name: getattr(self, name) for name in ("lost", "stray", "skipped", "background")}
        return {**gate, **{name: value for name, value in found.items() if not np.isnan(value)}}

    def describe(self) -> str:
        """Say what the gate does, for a person."""
        behind = "" if np.isnan(self.background) else f", {self.background:.1%} of the background"
        return (
            f"gate: skips {self.skipped:.1%} of {self.others:,} sentences without a label{behind}; of "
            f"{self.relevant:,} with one it loses {self.lost:.2%} (the collection with the most), {self.stray:.2%} if "
            "they stood in articles about other things. Words are out of fold; the threshold was chosen by these rows, "
            f"so that at most {MAX_LOST:.1%} is lost"
        )


def fit_gate(
    examples: Sequence[Example], schema: Schema, *, background: Sequence[Example] = (), seed: int
) -> GateFit | None:
    """Fit a gate, and choose its threshold on articles that it was not fitted on.

    Parameters
    ----------
    examples : sequence of Example
        Labelled sentences. One that lacks a dimension counts only if it is relevant in another.
    background : sequence of Example
        Sentences of ordinary news that have no label, which the examples seldom hold.

    Returns
    -------
    GateFit or None
        None where there are too few relevant sentences to promise anything, or no others, or too few articles of
        either to hold some out.
    """
    # What no dimension calls relevant may be so in one that was not asked.
    examples = [e for e in examples if len(e.labels) == len(schema.dimensions) or is_relevant(e.labels, schema)]
    rows = [*examples, *background]
    relevant = np.array([is_relevant(e.labels, schema) for e in rows], dtype=bool)
    if relevant.sum() < MIN_RELEVANT:
        return None
    fold_of, scores = _folds(rows, seed=seed), np.zeros(len(rows))
    if any(np.unique(relevant[fold_of != fold]).size < 2 for fold in np.unique(fold_of)):
        return None
    features, articles = _features([e.text for e in rows]), _numbered([e.doc for e in rows])
    weights = _weights(relevant, labelled=len(examples))
    for fold in range(int(fold_of.max()) + 1):
        inside = fold_of == fold
        scores[inside] = features[inside] @ _fit(features[~inside], relevant[~inside], weights[~inside])
    means = article_means(scores, articles.tolist())
    among = _among(scores, means[len(examples) :], seed=seed)
    own, article, intercept = _mix(scores, means, among, relevant, weights)
    found = chances(own * scores + article * means + intercept)
    counted = _counted(rows, relevant, len(examples))
    threshold = _threshold(found, counted & relevant, _collections(rows))
    skips = found < threshold
    astray = chances(own * scores + article * among + intercept) < threshold
    final = _fit(features, relevant, weights).astype(np.float32)
    return GateFit(
        Gate(final, own=own, article=article, intercept=intercept, threshold=threshold),
        lost=max(float(skips[part].mean()) for part in _parts(counted & relevant, _collections(rows))),
        stray=float(astray[counted & relevant].mean()),
        skipped=float(skips[counted & ~relevant].mean()) if (counted & ~relevant).any() else 0.0,
        background=float(skips[len(examples) :].mean()) if background else float("nan"),
        relevant=int((counted & relevant).sum()),
        others=int((counted & ~relevant).sum()),
    )


def _folds(rows: Sequence[Example], *, seed: int) -> NDArray[np.int64]:
    try:
        return np.array(assign_folds(rows, folds=FOLDS, seed=seed))
    except ValueError:  # one article: without it nothing is left to fit
        return np.zeros(len(rows), np.int64)


def _weights(relevant: NDArray[np.bool_], *, labelled: int) -> NDArray[np.float64]:
    """Weigh rows, so that the relevant ones and the others count the same together."""
    behind = np.arange(len(relevant)) >= labelled
    weights = np.where(relevant, 1.0, np.where(behind, BACKGROUND_WEIGHT, NEUTRAL_WEIGHT))
    weights[relevant] *= weights[~relevant].sum() / relevant.sum()
    return np.asarray(weights / weights.mean())


def _among(scores: NDArray[np.float64], background: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Give the mean score of a sentence's article, if that were one of the background; its own without one."""
    if not len(background):
        return scores
    return (np.random.default_rng(seed).choice(background, len(scores)) * STRAY_AMONG + scores) / (STRAY_AMONG + 1)


def _mix(
    scores: NDArray[np.float64],
    means: NDArray[np.float64],
    among: NDArray[np.float64],
    relevant: NDArray[np.bool_],
    weights: NDArray[np.float64],
) -> tuple[float, float, float]:
    """Fit how much a sentence's own score and its article's count."""
    pairs = [(scores, means), (scores[relevant], among[relevant]), (scores[relevant], scores[relevant])]
    stray = STRAY_WEIGHT * weights[relevant]
    model = LogisticRegression().fit(
        np.concatenate([np.stack(pair, axis=1) for pair in pairs]),
        np.concatenate([relevant, np.ones(2 * len(stray), dtype=bool)]),
        sample_weight=np.concatenate([weights, stray, stray]),
    )
    own, article = map(float, model.coef_[0])
    return own, article, float(model.intercept_[0])


def _fit(features: csr_matrix, relevant: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    model = LogisticRegression(C=INVERSE_STRENGTH, max_iter=300, fit_intercept=False)
    return np.asarray(model.fit(features, relevant, sample_weight=weights).coef_[0])


def _features(texts: Sequence[str]) -> csr_matrix:
    blocks = [(hash_texts(part), len(part)) for part in parts_of(texts)]
    return vstack(
        [csr_matrix((h.values, (h.texts, h.columns)), shape=(size, 1 << BITS)) for h, size in blocks], format="csr"
    )


def _numbered(names: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.array(names, dtype=str), return_inverse=True)[1]


def _counted(rows: Sequence[Example], relevant: NDArray[np.bool_], labelled: int) -> NDArray[np.bool_]:
    """Mark the labelled rows to promise by: those that are not invented, where there are enough."""
    there = np.arange(len(rows)) < labelled
    real = there & np.array([e.source != AUTHORED_SOURCE for e in rows], dtype=bool)
    return real if (real & relevant).sum() >= MIN_RELEVANT else there


def _collections(rows: Sequence[Example]) -> NDArray[np.int64]:
    """Give each article its `Example.collection`, by number.

    When and how articles were gathered would part a publisher's into collections of which each asks for its promise by
    fewer sentences.
    """
    return _numbered([e.collection for e in rows])


def _parts(chosen: NDArray[np.bool_], collections: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """Give the chosen rows, and those of each collection that has enough of them."""
    sizes = np.bincount(collections[chosen])
    return [chosen, *(chosen & (collections == k) for k in np.flatnonzero(sizes >= MIN_COLLECTION))]


def _threshold(found: NDArray[np.float64], chosen: NDArray[np.bool_], collections: NDArray[np.int64]) -> float:
    """Choose the highest threshold at which no more than `MAX_LOST` is lost, of all and of every collection.

    Of all with probability `LEVEL`, by the upper bound of Clopper and Pearson (1934), "The use of confidence or
    fiducial limits"; of a collection as measured, since many of those would leave no room.
    """
    total, lost = int(chosen.sum()), -1
    while beta.ppf(LEVEL, lost + 2, total - lost - 1) <= MAX_LOST:
        lost += 1
    thresholds = [float(np.sort(found[chosen])[lost]) if lost >= 0 else 0.0]
    for part in _parts(chosen, collections)[1:]:
        thresholds.append(float(np.sort(found[part])[int(MAX_LOST * part.sum())]))
    return min(thresholds)
