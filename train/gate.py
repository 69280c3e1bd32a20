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

from newslean.gate import BITS, Gate, article_means, combine, hash_texts, parts_of
from newslean.schema import Labels, Schema
from train.folds import assign_folds
from train.labels import AUTHORED_SOURCE, Example

MAX_LOST = 0.005
"""Largest share of the relevant sentences that may be lost."""

LEVEL = 0.95
"""How sure that has to be."""

MIN_RELEVANT = 200
"""Relevant sentences without which no such share can be promised."""

INVERSE_STRENGTH = 10.0
"""Of the regularisation (scikit-learn's C)."""

FOLDS = 5


@dataclass(frozen=True, slots=True)
class GateFit:
    """A fitted gate, and what it does out of fold.

    Attributes
    ----------
    lost : float
        Share of the relevant sentences that it skips.
    skipped : float
        Share of all others that it skips.
    relevant, others : int
        Sentences that these are shares of: those that are not invented, where there are enough.
    background : float
        Share of the background's sentences that it skips; NaN without a background.
    """

    gate: Gate
    lost: float
    skipped: float
    relevant: int
    others: int
    background: float

    def numbers(self) -> dict[str, float]:
        """Give what the manifest keeps of it."""
        gate = {name: getattr(self.gate, name) for name in ("own", "article", "intercept", "threshold")}
        return {**gate, "lost": self.lost, "skipped": self.skipped}


def is_relevant(labels: Labels, schema: Schema) -> bool:
    """Tell whether a sentence has any label but the neutral ones."""
    return any(labels[d.name] not in ([], d.neutral) for d in schema.dimensions if d.name in labels)


def fit_gate(
    examples: Sequence[Example], schema: Schema, *, background: Sequence[Example] = (), seed: int
) -> GateFit | None:
    """Fit a gate, and choose its threshold on articles that it was not fitted on.

    Parameters
    ----------
    examples : sequence of Example
        Labelled sentences.
    background : sequence of Example
        Sentences of ordinary news that have no label, which the examples seldom hold.

    Returns
    -------
    GateFit or None
        None where there are too few relevant sentences to promise anything, or no others.
    """
    rows = [*examples, *background]
    relevant = np.array([is_relevant(e.labels, schema) for e in rows], dtype=bool)
    if relevant.sum() < MIN_RELEVANT or relevant.all():
        return None
    features, articles = _features([e.text for e in rows]), _numbered([e.doc for e in rows])
    fold_of, scores = np.array(assign_folds(rows, folds=FOLDS, seed=seed)), np.zeros(len(rows))
    for fold in range(int(fold_of.max()) + 1):
        weights = _fit(features[fold_of != fold], relevant[fold_of != fold])
        scores[fold_of == fold] = features[fold_of == fold] @ weights
    pair = np.stack([scores, article_means(scores, articles.tolist())], axis=1)
    model = LogisticRegression(C=INVERSE_STRENGTH, class_weight="balanced").fit(pair, relevant)
    mixing = dict(
        zip(("own", "article"), map(float, model.coef_[0]), strict=True), intercept=float(model.intercept_[0])
    )
    found = combine(scores, articles.tolist(), **mixing)
    counted = _counted(rows, relevant, len(examples))
    threshold = _threshold(found[counted & relevant])
    skips = found < threshold
    behind = skips[len(examples) :]
    return GateFit(
        Gate(_fit(features, relevant).astype(np.float32), threshold=threshold, **mixing),
        lost=float(skips[counted & relevant].mean()),
        skipped=float(skips[counted & ~relevant].mean()) if (counted & ~relevant).any() else 0.0,
        relevant=int((counted & relevant).sum()),
        others=int((counted & ~relevant).sum()),
        background=float(behind.mean()) if len(behind) else float("nan"),
    )


def _fit(features: csr_matrix, relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    model = LogisticRegression(C=INVERSE_STRENGTH, class_weight="balanced", max_iter=300, fit_intercept=False)
    return np.asarray(model.fit(features, relevant).coef_[0])


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


def _threshold(found: NDArray[np.float64]) -> float:
    """Choose the highest threshold at which the share lost is below `MAX_LOST` with probability `LEVEL`.

    The upper bound of Clopper and Pearson (1934), "The use of confidence or fiducial limits".
    """
    total, lost = len(found), -1
    while beta.ppf(LEVEL, lost + 2, total - lost - 1) <= MAX_LOST:
        lost += 1
    return float(np.sort(found)[lost]) if lost >= 0 else 0.0
